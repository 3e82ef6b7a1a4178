/** @file From one address to all that may have its file. */
import type { Source } from "./fetch-file.js";
import { shownAddress, webAddress } from "./file-name.js";
import { PartFile } from "./part-file.js";

/**
 * Where to look for an address's file: mirrors, the address itself, and before a plain http one the same over TLS, which
 * most servers speak by now. A part that came over TLS is continued only so.
 * @param target the file, whose part may be there
 * @param mirrors default: $FIRE_GPU_MIRROR
 * @throws UsageError for addresses that are none
 */
export function sourcesOf(url: string, target: string, mirrors?: readonly string[]): Source[] {
  const bases = mirrors ?? (process.env.FIRE_GPU_MIRROR ?? "").split(",").filter((m) => m.trim() !== "");
  const { pathname } = webAddress(url);
  const ofBase = (base: string) => {
    const start = webAddress(base.trim()).href.replace(/\/+$/, "");
    return [`${start}${pathname}`, `${start}/${pathname.split("/").at(-1)}`];
  };
  const mirrored = [...new Set(bases.flatMap(ofBase))].map((u) => ({ url: u }));
  const encrypted = encryptedTwin(url);
  if (!encrypted) return [...mirrored, { url }];
  if (new PartFile(target).note()?.url === shownAddress(encrypted)) return [...mirrored, { url: encrypted }];
  return [...mirrored, { url: encrypted, guessed: true }, { url }];
}

/** The https address of an http one; undefined where it cannot be: another port, no name of a computer. */
function encryptedTwin(address: string): string | undefined {
  const url = new URL(address);
  if (url.protocol !== "http:" || url.port !== "" || !/[a-z]$/i.test(url.hostname) || !url.hostname.includes("."))
    return undefined;
  url.protocol = "https:";
  return url.href;
}
