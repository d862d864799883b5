/** What the addresses of whoever looks at this page begin with: nothing, or `/as/PSEUDONYM` where several are signed in. */
export const base: string =
  /^\/as\/[a-z0-9-]+(?=\/|$)/.exec(globalThis.location?.pathname ?? "")?.[0] ?? "";
