/** A, B, C: what the experiments of a comparison are called where a title has no room, each in the colour of its lines. */
export const letter = (i: number) => String.fromCharCode(65 + i);
export const Mark = ({ i }: { i: number }) => (
  <b className="compare-mark" style={{ background: `var(--series-${(i % 8) + 1})` }}>
    {letter(i)}
  </b>
);
