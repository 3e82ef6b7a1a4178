/** @file What the network refuses, in words, and whether trying again is of use. */

interface Cause {
  readonly reason: string;
  /** The same request will fail in the same way. */
  readonly final: boolean;
}

const causes: Readonly<Record<string, Cause>> = {
  ENOTFOUND: { reason: "no computer of that name is known; check the address and the network", final: true },
  EAI_AGAIN: { reason: "names cannot be looked up now; check the network", final: false },
  ECONNREFUSED: { reason: "the connection is refused: no server listens there", final: false },
  ECONNRESET: { reason: "the connection was cut", final: false },
  EPIPE: { reason: "the connection was cut", final: false },
  ETIMEDOUT: { reason: "the server does not answer", final: false },
  EHOSTUNREACH: { reason: "there is no way to the server; check the network", final: false },
  ENETUNREACH: { reason: "there is no way to the server; check the network", final: false },
  EADDRNOTAVAIL: { reason: "there is no way to the server; check the network", final: false },
  ERR_TLS_CERT_ALTNAME_INVALID: { reason: "the server's certificate is for another name", final: true },
  CERT_HAS_EXPIRED: { reason: "the server's certificate has expired; check the clock too", final: true },
  CERT_NOT_YET_VALID: { reason: "the server's certificate is not valid yet; check the clock", final: true },
};

const CERTIFICATE = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT|INVALID_CA|HOSTNAME_MISMATCH)/;

/** What an error of a request means; undefined for errors that are not the network's. */
export function networkCause(error: unknown): Cause | undefined {
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException;
  if (typeof code !== "string") return undefined;
  if (Object.hasOwn(causes, code)) return causes[code];
  if (CERTIFICATE.test(code))
    return { reason: `the server's certificate is not one that this computer trusts (${code})`, final: true };
  if (code === "EPROTO" || code.startsWith("ERR_SSL"))
    return { reason: `the server does not speak TLS there (${code})`, final: true };
  if (code.startsWith("HPE_")) return { reason: `the answer is no proper HTTP (${code}: ${message})`, final: false };
  return undefined;
}
