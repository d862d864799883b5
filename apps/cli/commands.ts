/** Every command of `tiller`, loaded when it is asked for. */
import { own } from "@tiller/schema";
import type { Command } from "./command.ts";

interface Known {
  readonly what: string;
  readonly load: () => Promise<Command>;
}
export const commands: Readonly<Record<string, Known>> = {
  start: {
    what: "the server and the first experiment",
    load: async () => (await import("./start.ts")).startCommand,
  },
  pretrain: {
    what: "the base model from nothing, out of public-domain text",
    load: async () => (await import("./pretrain.ts")).pretrainCommand,
  },
  train: {
    what: "a training method on a file of rows, without a server",
    load: async () => (await import("./train.ts")).trainCommand,
  },
  reward: {
    what: "a reward model from a file of comparisons, and how it does beside what is cheap",
    load: async () => (await import("./reward.ts")).rewardCommand,
  },
  model: {
    what: "look at a checkpoint, bring one in, sample, score, serve",
    load: async () => (await import("./model.ts")).modelCommand,
  },
  models: {
    what: "the models that can be called, and their cost",
    load: async () => (await import("./models.ts")).modelsCommand,
  },
  task: { what: "kinds of work", load: async () => (await import("./task.ts")).taskCommand },
  project: {
    what: "a file of your own before raters, and its results",
    load: async () => (await import("./project.ts")).projectCommand,
  },
  kind: {
    what: "kinds of work known to the server; one made in the browser as a file",
    load: async () => (await import("./kind.ts")).kindCommand,
  },
  data: {
    what: "answers out to JSONL, CSV or Parquet, and in",
    load: async () => (await import("./data.ts")).dataCommand,
  },
  trace: {
    what: "an experiment as one HTML file that opens offline, and back",
    load: async () => (await import("./trace.ts")).traceCommand,
  },
  experiment: {
    what: "start a workflow, look at it, hold, fork, cancel it",
    load: async () => (await import("./experiment.ts")).experimentCommand,
  },
  trigger: {
    what: "what starts experiments by itself",
    load: async () => (await import("./trigger.ts")).triggerCommand,
  },
  backup: {
    what: "a home as one file, while its server runs or not",
    load: async () => (await import("./backup.ts")).backupCommand,
  },
  restore: {
    what: "a home out of such a file, every part checked",
    load: async () => (await import("./restore.ts")).restoreCommand,
  },
  room: {
    what: "debates and other games of oversight: protocols, checks, a reader",
    load: async () => (await import("./room.ts")).roomCommand,
  },
  book: {
    what: "a tree of summaries over a book, a reader for it, figures of how true it is",
    load: async () => (await import("./book.ts")).bookCommand,
  },
  debate: {
    what: "published debates scored, their judges, and ways of oversight compared",
    load: async () => (await import("./debate.ts")).debateCommand,
  },
  quality: {
    what: "what several people's answers say",
    load: async () => (await import("./quality.ts")).qualityCommand,
  },
};
/** What a command was called before: it still answers to that. */
export const formerNames: Readonly<Record<string, string>> = { run: "experiment" };
export const commandOf = (name: string): Known | undefined =>
  own(commands, own(formerNames, name) ?? name);
