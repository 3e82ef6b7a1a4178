/**
 * @file Runs a pickle, protocols 0 to 5: one opcode a byte until STOP. It builds the values of formats/python.ts and
 * calls nothing but the constructors of the allow-list.
 */
import type { ByteCursor } from "./byte-cursor.js";
import { Machine, type UnpickleOptions } from "./pickle-machine.js";
import { opcodes } from "./pickle-opcodes.js";
import { BuildError, type PyValue } from "./python.js";

const stop = 0x2e;

/** One pickle from the cursor's position up to its STOP, behind which the cursor is left. @throws FileFormatError */
export function unpickle(cursor: ByteCursor, options: UnpickleOptions): PyValue {
  const machine = new Machine(cursor, options);
  try {
    for (let op = cursor.u8(); op !== stop; op = cursor.u8()) {
      const step = opcodes[op];
      if (!step) throw machine.malformed(`unknown opcode 0x${op.toString(16)}`);
      step(machine, cursor);
    }
    return machine.result();
  } catch (e) {
    if (e instanceof BuildError) throw cursor.fail(e.kind, e.message, e);
    // a Map, an array or a text beyond what the JavaScript engine can hold
    if (e instanceof RangeError) throw cursor.fail("MalformedPickle", `too large: ${e.message}`, e);
    throw e;
  }
}
