/**
 * Added tokens: what a tokenizer.json matches in a text before anything else, longest first. As in Hugging Face's
 * `tokenizers` 0.23 (added_vocabulary.rs): those with `normalized` are looked for in the normalised text, the others in
 * the raw one; `lstrip` and `rstrip` take the spaces around, `single_word` wants no letter beside.
 */
import { z } from "zod";

export const AddedToken = z.looseObject({
  id: z.int().nonnegative(),
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});
export type AddedToken = z.infer<typeof AddedToken>;
/** Text for the model, or the id of an added token. */
export type Section = string | number;
export interface Cut {
  readonly section: Section;
  /** where it begins in the text */
  readonly from: number;
}
/** Whether the characters from `from` to before `to` may be a special token. */
export type Allowed = (from: number, to: number) => boolean;

interface Node {
  readonly next: Map<number, Node>;
  token?: AddedToken;
}
const wordEnds = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const wordBegins = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const space = /\p{White_Space}/u;

/**
 * Cuts a text at these tokens; `contents` are what to look for (a normaliser may have changed them). Special ones are
 * only matched where `specials` allows them; else their characters are text, and nothing is looked for inside them.
 */
export function addedTokenCutter(
  tokens: readonly AddedToken[],
  contents: readonly string[] = tokens.map((t) => t.content),
): (text: string, specials: Allowed | undefined) => Cut[] {
  const root: Node = { next: new Map() };
  tokens.forEach((token, i) => {
    let node = root;
    for (let k = 0; k < contents[i].length; k++) {
      const unit = contents[i].charCodeAt(k);
      let next = node.next.get(unit);
      if (!next) node.next.set(unit, (next = { next: new Map() }));
      node = next;
    }
    if (node !== root) node.token ??= token;
  });
  if (!root.next.size) return (text) => (text ? [{ section: text, from: 0 }] : []);

  return (text, specials) => {
    const out: Cut[] = [];
    let done = 0;
    for (let at = 0; at < text.length;) {
      const [token, end] = longest(root, text, at);
      if (!token) {
        at++;
        continue;
      }
      let [start, stop] = [at, end];
      at = end;
      if (token.special && !specials?.(start, stop)) continue;
      if (
        token.single_word &&
        (wordEnds.test(text.slice(Math.max(0, start - 2), start)) ||
          wordBegins.test(text.slice(stop, stop + 2)))
      )
        continue;
      if (token.lstrip) while (start > done && space.test(text[start - 1])) start--;
      if (token.rstrip) while (stop < text.length && space.test(text[stop])) stop++;
      if (done < start) out.push({ section: text.slice(done, start), from: done });
      out.push({ section: token.id, from: start });
      done = stop;
    }
    if (done < text.length) out.push({ section: text.slice(done), from: done });
    return out;
  };
}

function longest(root: Node, text: string, at: number): [AddedToken | undefined, number] {
  let [found, end]: [AddedToken | undefined, number] = [undefined, at];
  let node = root.next.get(text.charCodeAt(at));
  for (let k = at + 1; node; k++) {
    if (node.token) [found, end] = [node.token, k];
    if (k >= text.length) break;
    node = node.next.get(text.charCodeAt(k));
  }
  return [found, end];
}
