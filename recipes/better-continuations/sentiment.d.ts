/** The part of the `sentiment` package (MIT) we use; it ships no types. */
declare module "sentiment" {
  export default class Sentiment {
    analyze(text: string): { score: number; tokens: string[] };
  }
}
