/** The session cookie: https://www.rfc-editor.org/rfc/rfc6265. Names and values are letters, digits, `-` and `_`. */

/** Returns the value of a cookie in a Cookie header; of several with the same name, the first. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const [key, value] = pair.split('=', 2);
    if (key?.trim() === name) return value?.trim();
  }
  return undefined;
}

/**
 * Returns a Set-Cookie header that scripts cannot read and other sites cannot send.
 * @param maxAge seconds; 0 deletes the cookie
 */
export function sessionCookie(name: string, value: string, { maxAge, secure }: { maxAge: number; secure: boolean }) {
  return `${name}=${value}; Max-Age=${maxAge}; HttpOnly;${secure ? ' Secure;' : ''} SameSite=Strict`;
}
