/** The first experiment in words, for whoever sees it first. */
export const about = `**What was asked.** A small language model continues passages of *Moby-Dick*. Raters see two continuations of a passage and say
which one is more positive. A reward model learns to judge as they did, and PPO trains the language model to write what scores
well: Ziegler et al. 2019, in miniature.

**Who judged.** Twelve *simulated* raters: programs that go by a list of positive and negative words, each with noise of its own;
two of them choose blindly. If you take part at the desk, your answers count like theirs. So the figures say whether the
machinery works, not what people like.

**How to read the figures.** *Wins against the base* is how often the trained model's continuation of a passage that it never saw is
more positive than the untrained model's: 50 % is no change, and the interval says how sure that is. The same list of words
decides it, not people. *KL to the base* is how far the model has moved from where it began: 0 is not at all. Much won at a small
KL is good; much won at a large one may be a trick that the score likes, so read the samples side by side in the report.

**What next.** Try the models on a passage of your own in the playground. Then ask people about your own texts: make a project of a
file. Other work never reaches the simulated raters, so invite somebody or answer at the desk yourself.`;
