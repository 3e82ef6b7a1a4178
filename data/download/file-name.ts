/** @file Names that come from elsewhere (addresses, archives) made safe to use as names of files in a folder of ours. */
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { UsageError } from "../../base/errors.js";

/** Devices of Windows, whatever extension they carry. */
const DEVICES = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)/i;
/** What most file systems take. */
const LONGEST_BYTES = 255;

/**
 * Why a text cannot be the name of one file in a folder; undefined when it can.
 * @param platform whose rules count; "win32" asks for names that every system takes
 */
export function unfitName(name: string, platform: NodeJS.Platform = process.platform): string | undefined {
  if (name === "") return "it is empty";
  if (name === "." || name === "..") return "it means a folder";
  if (/[/\\]/.test(name)) return "it holds a separator of folders";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(name)) return "it holds a control character";
  if (Buffer.byteLength(name) > LONGEST_BYTES) return `it has more than ${LONGEST_BYTES} bytes`;
  if (platform !== "win32") return undefined;
  if (/[<>:"|?*]/.test(name)) return `it holds one of < > : " | ? *, which Windows does not take`;
  if (/[. ]$/.test(name)) return "it ends with a dot or a blank, which Windows drops";
  if (DEVICES.test(name)) return "it is a device on Windows";
  return undefined;
}

/** Whether a text is an address of the web (or of another scheme) rather than a path. */
export function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(text);
}

/** A web address, parsed. @throws UsageError when it is none, or of another scheme than http and https */
export function webAddress(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new UsageError(
      "BadAddress",
      `${JSON.stringify(text)} is no web address, expected for example http://host/file`,
      {
        cause,
      },
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new UsageError("BadAddress", `${shownAddress(text)}: expected an http or https address, got ${url.protocol}`);
  return url;
}

/**
 * The name under which an address's file is kept: the last part of its path, decoded.
 * @throws UsageError when there is none, or it could not be the name of a file in one folder on every system
 */
export function fileNameOf(address: string): string {
  const last = webAddress(address).pathname.split("/").at(-1) ?? "";
  const shown = shownAddress(address);
  const remedy = "fetch the file yourself and give its path";
  let name: string;
  try {
    name = decodeURIComponent(last);
  } catch (cause) {
    throw new UsageError(
      "BadAddress",
      `${shown}: its last part ${JSON.stringify(last)} is wrongly encoded; ${remedy}`,
      {
        cause,
      },
    );
  }
  const reason = unfitName(name, "win32");
  if (reason)
    throw new UsageError(
      "BadAddress",
      `${shown}: its last part ${JSON.stringify(last)} cannot be the name of a file: ${reason}; ${remedy}`,
    );
  return name;
}

/** An address as it may be printed and kept: without user name and password. */
export function shownAddress(address: string): string {
  try {
    const url = new URL(address);
    if (!url.username && !url.password) return address;
    url.username = "";
    url.password = "";
    return url.href;
  } catch {
    return address;
  }
}

/** A path below a folder. @throws UsageError when it leads out of it, or is the folder itself */
export function pathInside(root: string, path: string): string {
  const full = resolve(root, path);
  const inside = relative(resolve(root), full);
  if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside) || path.includes("\0"))
    throw new UsageError("BadPath", `${JSON.stringify(path)}: expected a path below ${root}`);
  return join(root, inside);
}
