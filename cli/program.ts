/** @file All commands as one program, and what commander does not do by itself: near names, and values that stay values. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Argument, Command, CommanderError, InvalidArgumentError, type Option } from "commander";
import { cacheRemark } from "../base/cache-folder.js";
import { packageRoot } from "../base/paths.js";
import { didYouMean } from "../base/suggest.js";
import { benchCommand } from "./bench.js";
import { convertCommand } from "./convert.js";
import { dataCommand } from "./data.js";
import { demoCommand } from "./demo.js";
import { devicesCommand } from "./devices.js";
import { downloadCommand } from "./download.js";
import { evalCommand } from "./eval.js";
import { extractCommand } from "./extract.js";
import { EXIT_CODES } from "./failure.js";
import { initCommand } from "./init.js";
import { inspectCommand } from "./inspect.js";
import { collect } from "./options.js";
import { tell, write } from "./streams.js";
import { trainCommand } from "./train.js";
import { tuneCommand } from "./tune.js";

const HELP = `
Start here:
  fire-gpu demo                                         everything at once, without a download
  fire-gpu devices                                      what can compute
  fire-gpu download fire roxford5k                      a network and a data set
  fire-gpu eval eval_fire --datasets-local roxford5k    the published evaluation
  fire-gpu extract photos/ --model fire_data/models/fire.pth --out features.safetensors
fire-gpu <command> --help teaches each. Results go to stdout, progress to stderr; DEBUG=1 adds stacks to errors.
${EXIT_CODES}`;

/** The program. Errors of usage are thrown as CommanderError with a message that helps, and nothing is printed. */
export function buildProgram(): Command {
  const program = new Command("fire-gpu")
    .description("Image retrieval on WebGPU: FIRe and HOW local features, ASMK, evaluation.")
    .version(JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")).version)
    .addHelpText("after", HELP);
  const commands = [
    evalCommand(),
    extractCommand(),
    trainCommand(),
    devicesCommand(),
    inspectCommand(),
    convertCommand(),
    downloadCommand(),
    dataCommand(),
    initCommand(),
    demoCommand(),
    benchCommand(),
    tuneCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  program.hook("preAction", () => {
    const remark = cacheRemark();
    if (remark) tell(`warning: ${remark}`);
  });
  prepare(program);
  return program;
}

/** Commander throws instead of exiting, and leaves the printing of errors to `reportFailure`. */
function prepare(command: Command): void {
  command
    .configureOutput({
      outputError() {},
      writeOut: (text) => write("stdout", text),
      writeErr: (text) => write("stderr", text),
    })
    .showSuggestionAfterError(false)
    .exitOverride((error) => {
      throw explained(error, command);
    });
  for (const option of command.options) if (takesValue(option)) option.argParser(checked(option, option.flags));
  for (const argument of command.registeredArguments) argument.argParser(checked(argument, argument.name()));
  for (const child of command.commands) prepare(child);
}

type Parse = (text: string, before: unknown) => unknown;

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

/** The parser of an option or argument, which refuses an empty text, and never gives what commander would take for no value. */
function checked({ parseArg, variadic }: Option | Argument, name: string): Parse {
  const parse: Parse = (parseArg as Parse | undefined) ?? (variadic ? (collect as Parse) : (text) => text);
  return (text, before) => {
    if (text.trim() === "") throw new InvalidArgumentError("Expected a value, got an empty text.");
    const value = parse(text, before);
    // commander makes "" or true of null and undefined without a word
    if (value === null || value === undefined) throw new Error(`${name}: its parser gave ${value}`);
    return value;
  };
}

/** The same error with what the user may have meant. */
function explained(error: CommanderError, command: Command): CommanderError {
  const hint = hintFor(error, command);
  return hint === ""
    ? error
    : new CommanderError(error.exitCode, error.code, `${error.message.replace(/\.$/, "")}; ${hint}`);
}

function hintFor({ code, message }: CommanderError, command: Command): string {
  const path = pathOf(command);
  const named = /'([^']*)'/.exec(message)?.[1] ?? "";
  if (code === "commander.unknownCommand") {
    const names = command.commands.map((c) => c.name());
    return didYouMean(named, names) || `known are ${names.join(", ")}`;
  }
  if (code === "commander.unknownOption") {
    const flags = command.options.flatMap(({ long, short }) => [long, short].filter((flag) => flag !== undefined));
    return didYouMean(named, flags) || `${path} --help lists all`;
  }
  if (code === "commander.missingArgument") {
    const greedy = command.options.filter((o) => o.variadic && command.getOptionValue(o.attributeName()) !== undefined);
    const taken = greedy.map(({ long }) => `${long} takes all words after it: put <${named}> before it`);
    return taken[0] ?? `${path} --help shows examples`;
  }
  if (code === "commander.invalidArgument") {
    const option = command.options.find((o) => message.includes(`'${o.flags}'`));
    return didYouMean(/argument '([^']*)'/.exec(message)?.[1] ?? "", option?.argChoices ?? []);
  }
  if (code === "commander.excessArguments" || code === "commander.missingMandatoryOptionValue")
    return `${path} --help shows examples`;
  return "";
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
