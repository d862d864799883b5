/**
 * Text out of tokens as the Penn Treebank divides them (the NYU platform keeps its stories so), with the place of each token, so
 * that spans of tokens become spans of characters. Spaces are a best guess; line breaks are kept.
 */
import { own } from "@tiller/schema";

const words: Readonly<Record<string, string>> = {
  "`": "'",
  "``": '"',
  "''": '"',
  "-LRB-": "(",
  "-RRB-": ")",
  "-LCB-": "{",
  "-RCB-": "}",
  "-LSB-": "[",
  "-RSB-": "]",
  "--": "—",
};
const closes = /^(?:[.,!?;:%)\]}°]|\.{2,}|n't|'(?:s|re|ve|ll|m|d)|-)$/i;
const opens = /^[$£€#([{-]$/;

export interface Rendered {
  readonly text: string;
  readonly from: readonly number[];
  readonly to: readonly number[];
}
export function renderTokens(tokens: readonly string[]): Rendered {
  const [from, to]: [number[], number[]] = [[], []];
  let text = "";
  let glued = true; // no space before the next token
  let [single, double] = [false, false];
  for (const token of tokens) {
    const word = own(words, token) ?? token.replaceAll("\\/", "/");
    const isDouble = word === '"';
    const isSingle = word === "'";
    const ends = (isDouble && double) || (isSingle && single);
    const isBreak = /^\s+$/.test(word);
    if (!glued && !isBreak && !ends && !closes.test(word)) text += " ";
    from.push(text.length);
    text += word;
    to.push(text.length);
    glued = isBreak || opens.test(word) || ((isDouble || isSingle) && !ends);
    if (isDouble) double = !double;
    if (isSingle) single = !single;
    if (isBreak) [single, double] = [false, false]; // a quotation left open ends with its paragraph
  }
  return { text, from, to };
}
