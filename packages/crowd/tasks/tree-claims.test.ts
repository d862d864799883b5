import { expect, test } from "vitest";
import { claimLines, claimsOf, treeClaims, treeVerdicts } from "./tree-claims.ts";

test("lines are claims with the numbers of their sentences, and a line that is none is named", () => {
  const claims = [
    { sentence: 0, claim: "Anna has a key." },
    { sentence: 0, claim: "It is hers." },
    { sentence: 1, claim: "2. is a number." },
  ];
  expect(claimsOf(`${claimLines(claims)}\n\n`, 2)).toEqual({ claims });
  for (const wrong of ["Anna has a key.", "3. A third sentence.", "0. None.", "1."])
    expect(claimsOf(`1. So.\n${wrong}`, 2)).toEqual({ wrong });
  const [input] = treeClaims.samples;
  expect(treeClaims.check!(input!, { claims: "The boat is gone." })).toContain(
    "“The boat is gone.”",
  );
  expect(treeClaims.check!(input!, { claims: input!.proposal })).toBeUndefined();
});

test("a mark with the number of no claim is refused", () => {
  const [input] = treeVerdicts.samples; // of two claims
  const mark = (label: "2" | "3") => ({
    verdicts: ["yes" as const, "no" as const],
    marks: [{ start: 0, end: 2, label }],
  });
  expect(treeVerdicts.check!(input!, mark("2"))).toBeUndefined();
  expect(treeVerdicts.check!(input!, mark("3"))).toContain("no claim 3");
});
