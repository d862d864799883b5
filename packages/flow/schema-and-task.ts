/** What "@tiller/schema" is in a researcher's file: see `former-imports.ts`. */
export * from "@tiller/schema";
export * from "@tiller/task";
