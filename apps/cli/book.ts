/** tiller book: a tree of summaries over a book, as a page to read, and figures of how true summaries are. */
import { askBook, askFlags } from "./book-ask.ts";
import { fileVerbs } from "./book-files.ts";
import { liveVerbs } from "./book-live.ts";
import { command, verb } from "./command.ts";
import { bookQuestions, questionFlags } from "./book-questions.ts";
import { runBook, runFlags } from "./book-run.ts";
import { score, scoreFlags } from "./book-score.ts";
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
    what: "figures of annotations (SQuALITY's ratings, claims, sentences), or of a tree's checks",
    takes: ["FILE|TREE"],
    flags: scoreFlags,
    run: score,
  }),
  ask: verb({
    what: "asks a tree's text a question, and shows the answer down to the book's words",
    takes: ["TREE", "QUESTION"],
    flags: askFlags,
    run: askBook,
  }),
  questions: verb({
    what: "what a tree still answers at each depth: lines of {question, answers}",
    takes: ["TREE|FOLDER", "FILE"],
    flags: questionFlags,
    run: bookQuestions,
  }),
  ...fileVerbs,
  ...liveVerbs,
});
