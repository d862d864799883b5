/** tiller book: a tree of summaries over a book, as a page to read, and figures of how true summaries are. */
import { liveVerbs } from "./book-live.ts";
import { command, verb } from "./command.ts";
import { runBook, runFlags } from "./book-run.ts";
import { scoreFile, scoreFlags } from "./book-score.ts";
import { showBook, showFlags } from "./book-show.ts";

export const bookCommand = command("book", {
  run: verb({
    what: "summarise a book by a tree; begun again, it goes on",
    takes: ["FILE"],
    flags: runFlags,
    run: runBook,
  }),
  show: verb({
    what: "the tree beside the book as one HTML file",
    takes: ["FOLDER"],
    flags: showFlags,
    run: showBook,
  }),
  score: verb({
    what: "figures of annotations: SQuALITY's ratings, claims, sentences",
    takes: ["FILE"],
    flags: scoreFlags,
    run: scoreFile,
  }),
  ...liveVerbs,
});
