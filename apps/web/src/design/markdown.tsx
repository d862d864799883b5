/**
 * Markdown from instructions and task data. Nothing in it is trusted: `marked` renders, DOMPurify keeps text markup
 * only. No scripts, styles, forms, frames or pictures (a picture's address would tell its host who reads), and links
 * open elsewhere without telling where they came from.
 */
import DOMPurify from "dompurify";
import { marked } from "marked";
import { useMemo } from "react";
import "./markdown.css";

const allowed = {
  ALLOWED_TAGS:
    "h1 h2 h3 h4 h5 h6 p br hr b strong i em del s code pre blockquote ul ol li a table thead tbody tr th td sub sup".split(
      " ",
    ),
  ALLOWED_ATTR: ["href", "start", "align"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};
const purify = DOMPurify(window); // an instance of our own: the hook must not touch another's
purify.addHook("afterSanitizeAttributes", (node) => {
  if (!(node instanceof HTMLAnchorElement)) return;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
});

/** The page has its own h1 already: headings move down one level. */
const lower = (html: string) =>
  html.replace(
    /<(\/?)h([1-5])>/g,
    (_, slash: string, level: string) => `<${slash}h${Number(level) + 1}>`,
  );

export function Markdown({ text }: { text: string }) {
  const html = useMemo(
    () => purify.sanitize(lower(marked.parse(text, { async: false, gfm: true })), allowed),
    [text],
  );
  return <div className="markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}
