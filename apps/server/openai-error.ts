/** Errors as OpenAI's API has them. */

export const isOpenai = (path: string): boolean => path === "/v1" || path.startsWith("/v1/");

export interface OpenaiError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}
export const openaiError = (
  status: number,
  code: string | null,
  message: string,
  param: string | null = null,
): OpenaiError => ({
  error: {
    message,
    type: status >= 500 ? "server_error" : status === 429 ? "requests" : "invalid_request_error",
    param,
    code,
  },
});
