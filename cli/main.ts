#!/usr/bin/env node
/** @file The program: how a run begins and ends. */
import { expandShortOptions, programArguments } from "./argv.js";
import { reportFailure } from "./failure.js";
import { buildProgram } from "./program.js";
import { guardStreams } from "./streams.js";

guardStreams();
try {
  await buildProgram().parseAsync(expandShortOptions(programArguments()), { from: "user" });
} catch (error) {
  process.exitCode = reportFailure(error);
}
