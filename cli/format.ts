/** @file Numbers for people. */
import { visibleLine } from "../base/printable.js";

/** 0.52, 7.3, 498, 12.3k, 4.5M: three digits are enough to see. */
export function formatCount(n: number): string {
  if (n >= 1e9) return `${short(n / 1e9)}G`;
  if (n >= 1e6) return `${short(n / 1e6)}M`;
  if (n >= 1e4) return `${short(n / 1e3)}k`;
  return Number.isInteger(n) ? String(n) : short(n);
}

/** 512 B, 1.50 KiB, 98.1 MiB, 2.00 GiB. */
export function formatBytes(n: number): string {
  const power = Math.min(4, Math.floor(Math.log2(Math.max(n, 1)) / 10));
  return power === 0 ? `${Math.round(n)} B` : `${short(n / 1024 ** power)} ${["", "K", "M", "G", "T"][power]}iB`;
}

/** 0.5 s, 42 s, 3 min 20 s, 5 h 12 min. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A fraction as percent with two decimals; "–" for NaN. */
export function formatPercent(fraction: number): string {
  return Number.isNaN(fraction) ? "–" : (100 * fraction).toFixed(2);
}

/** Rows of text in aligned columns, the first to the left, the others to the right; the first row is the heading. */
export function formatTable(raw: readonly (readonly string[])[]): string {
  const rows = raw.map((row) => row.map(visibleLine));
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => row[c].length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])))
      .join("  ")
      .trimEnd();
  const rule = widths.map((w) => "─".repeat(w)).join("  ");
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join("\n");
}

function short(n: number): string {
  return n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2);
}
