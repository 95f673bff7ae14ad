/** Every refusal that a book can meet, as one error type with a stable code. */

/** @typedef {{maxAge?: number | null, acrValues?: string | null}} StepUp the sign-in that a service wants: seconds, ways */

export const STEP_UP = "step_up_required";

/**
 * The gateway's codes (`login_required`, `consent_required`, `person_changed`, ...) pass through unchanged. The client's own are in
 * docs/authors/client.md.
 */
export class BookgateError extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   * @param {{status?: number, requestId?: string, retryAfter?: number, stepUp?: StepUp, cause?: unknown}} [more]
   */
  constructor(code, message = code, more = {}) {
    super(message, { cause: more.cause });
    this.name = "BookgateError";
    this.code = code;
    this.status = more.status ?? 0;
    this.requestId = more.requestId ?? null;
    this.retryAfter = more.retryAfter ?? null;
    this.stepUp = more.stepUp ?? null;
  }
}

/**
 * The code of a refusal: the gateway says `error`, a backend's problem+json says `code`; a page of HTML says nothing.
 * @param {Response} response @returns {Promise<BookgateError>}
 */
export async function refusal(response) {
  const body = await response.clone().json().catch(() => null);
  const said = body !== null && typeof body === "object" ? body : {};
  const code = said.error ?? said.code ?? (response.ok ? "bad_answer" : `http_${response.status}`);
  return new BookgateError(String(code), said.error_description ?? said.detail ?? said.title, {
    status: response.status,
    requestId: said.request_id ?? response.headers.get("X-Request-Id") ?? undefined,
    retryAfter: seconds(response.headers.get("Retry-After")),
    stepUp: code === STEP_UP ? { maxAge: said.max_age, acrValues: said.acr_values } : undefined,
  });
}

/** @param {string | null} value Retry-After in seconds; our gateway never sends a date. */
function seconds(value) {
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) : undefined;
}

/**
 * A fetch that failed without an answer: network, gateway down, or an answer without CORS headers.
 * @param {unknown} cause
 */
export const unreachable = (cause) => new BookgateError("unreachable", "The gateway cannot be reached.", { cause });

/**
 * Is it the remedy of this refusal that the reader signs in? (401, and 403 from an origin that needs consent.)
 * @param {BookgateError} error
 */
export const needsSignIn = (error) => (error.status === 401 && error.code !== "use_dpop_nonce") || error.code === "consent_required";
