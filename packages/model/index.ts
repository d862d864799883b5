/** One client for every language model. */
export {};
