/** @file The stack and the memo of the pickle machine. Its methods are what the opcodes are written in. */
import type { FileFailure, FileFormatError } from "../base/errors.js";
import type { ByteCursor } from "./byte-cursor.js";
import { BlankArray, NumpyDType } from "./numpy.js";
import { type AllowList, canonicalName } from "./pickle-globals.js";
import { PyDict, PyGlobal, PySet, PyTuple, type PyValue, pyType } from "./python.js";

/** What surrounds a pickle. */
export interface UnpickleOptions {
  globals: AllowList;
  /** Resolves persistent ids (torch's storages); without it they are refused. */
  persistent?: (id: PyValue) => PyValue;
}

/**
 * Objects one pickle may create: one-byte opcodes make them, so a hostile file could fill the memory. The largest data set
 * descriptions need some hundred thousand; the limit keeps a hostile file below about 600 MB.
 */
const maxObjects = 1 << 23;
/** An empty Map or Set takes several times the memory of an empty array. */
const mapCost = 8;

/** State of one run. */
export class Machine {
  private stack: PyValue[] = [];
  private readonly marks: PyValue[][] = [];
  private readonly memo = new Map<number, PyValue>();
  /** Memo slots of objects that BUILD replaces by their finished form. */
  private readonly unfinished = new Map<PyValue, number[]>();
  private spent = 0;

  constructor(
    readonly input: ByteCursor,
    private readonly options: UnpickleOptions,
  ) {}

  /** The one value that STOP leaves. */
  result(): PyValue {
    const value = this.pop();
    if (this.stack.length || this.marks.length) throw this.malformed("values are left on the stack at STOP");
    return value;
  }

  malformed(detail: string): FileFormatError {
    return this.input.fail("MalformedPickle", detail);
  }

  fail(kind: FileFailure, detail: string): FileFormatError {
    return this.input.fail(kind, detail);
  }

  private spend(cost: number): void {
    this.spent += cost;
    if (this.spent > maxObjects) throw this.malformed(`more than ${maxObjects} objects`);
  }

  push(value: PyValue): void {
    this.stack.push(value);
  }

  /** Pushes an object that the opcode made; their number is limited. */
  create(object: PyValue): void {
    this.spend(object instanceof Map || object instanceof Set ? mapCost : 1);
    this.stack.push(object);
  }

  pop(): PyValue {
    return this.popMany(1)[0];
  }

  top(): PyValue {
    if (this.stack.length === 0) throw this.malformed("stack underflow");
    return this.stack[this.stack.length - 1];
  }

  popMany(count: number): PyValue[] {
    if (this.stack.length < count) throw this.malformed("stack underflow");
    return this.stack.splice(this.stack.length - count, count);
  }

  mark(): void {
    this.spend(1);
    this.marks.push(this.stack);
    this.stack = [];
  }

  /** Everything above the last MARK. */
  popMark(): PyValue[] {
    const items = this.stack;
    const below = this.marks.pop();
    if (!below) throw this.malformed("no MARK on the stack");
    this.stack = below;
    return items;
  }

  /** POP may also take a bare MARK. */
  popOrMark(): void {
    if (this.stack.length === 0 && this.marks.length) this.popMark();
    else this.pop();
  }

  remember(slot: number = this.memo.size): void {
    this.spend(1);
    const value = this.top();
    this.memo.set(slot, value);
    if (value instanceof BlankArray || value instanceof NumpyDType)
      this.unfinished.set(value, [...(this.unfinished.get(value) ?? []), slot]);
  }

  recall(slot: number): void {
    const value = this.memo.get(slot);
    if (value === undefined) throw this.malformed(`memo slot ${slot} was never written`);
    this.stack.push(value);
  }

  append(items: PyValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.malformed(`APPEND to ${pyType(list)}`);
    for (const item of items) list.push(item);
  }

  addItems(items: PyValue[]): void {
    const set = this.top();
    if (!(set instanceof PySet)) throw this.malformed(`ADDITEMS to ${pyType(set)}`);
    for (const item of items) set.add(item);
  }

  setItems(items: PyValue[]): void {
    const dict = this.top();
    if (!(dict instanceof PyDict)) throw this.malformed(`SETITEM on ${pyType(dict)}`);
    if (items.length % 2) throw this.malformed("SETITEMS with a key without value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  /** Looks a name up in the allow-list. @throws ForbiddenGlobal for any other. */
  global(module: PyValue, name: PyValue): PyValue {
    if (typeof module !== "string" || typeof name !== "string") throw this.malformed("a global without name");
    // binary rubbish is not an attack: names are printable
    if (!/^[\x20-\x7e]{1,200}$/.test(module + name)) throw this.malformed("a global with an unprintable name");
    const full = canonicalName(module, name);
    const allowed = this.options.globals.get(full);
    if (!allowed || name.includes(".")) {
      const detail = `the pickle refers to ${module}.${name}, which no data file needs; nothing was run`;
      throw this.fail("ForbiddenGlobal", detail);
    }
    return allowed.value ?? new PyGlobal(full);
  }

  /** Calls a listed constructor. */
  call(type: PyValue, args: PyValue): void {
    const items = args instanceof PyTuple ? args.items : args;
    const make = type instanceof PyGlobal ? this.options.globals.get(type.name)?.call : undefined;
    if (!make || !Array.isArray(items)) throw this.malformed(`${pyType(type)} called with ${pyType(args)}`);
    this.create(make(items));
  }

  /** BUILD: arrays and dtypes get their state, dictionaries their attributes; nothing else has any. */
  build(): void {
    const state = this.pop();
    const object = this.pop();
    if (object instanceof BlankArray || object instanceof NumpyDType) {
      const finished = object.withState(state);
      for (const slot of this.unfinished.get(object) ?? []) this.memo.set(slot, finished);
      this.unfinished.delete(object);
      this.stack.push(finished);
    } else if (object instanceof PyDict && object.type !== "dict" && state instanceof PyDict) {
      object.attributes = state;
      this.stack.push(object);
    } else throw this.malformed(`BUILD of ${pyType(object)} from ${pyType(state)}`);
  }

  persistent(id: PyValue): void {
    if (!this.options.persistent) throw this.malformed("a persistent id in a plain pickle");
    this.create(this.options.persistent(id));
  }
}
