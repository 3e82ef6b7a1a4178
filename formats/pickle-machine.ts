/** @file The stack and the memo of the pickle machine. Its methods are what the opcodes are written in. */
import type { FileFailure, FileFormatError } from "../base/errors.js";
import { Budget } from "./budget.js";
import type { ByteCursor } from "./byte-cursor.js";
import { BlankArray, NumpyDType } from "./numpy.js";
import { type AllowList, canonicalName } from "./pickle-globals.js";
import { costOf, entryCost, memoryCost } from "./pickle-limits.js";
import { BuildError, PyDict, PyGlobal, PySet, PyTuple, type PyValue, pyType } from "./python.js";
import { looksHostile, PyUnknown, unknownIn, unknownResult } from "./unknown-globals.js";

/** What surrounds a pickle. */
export interface UnpickleOptions {
  globals: AllowList;
  /** Resolves persistent ids (torch's storages); without it they are refused. */
  persistent?: (id: PyValue) => PyValue;
  /** Other names stand for themselves, as PyUnknown, unless only an attack mentions them; by default all are refused. */
  keepUnknown?: boolean;
}

/** State of one run. */
export class Machine {
  private readonly stack: PyValue[] = [];
  /** Heights of the stack at each MARK. */
  private readonly marks: number[] = [];
  /** Slots 0, 1, 2, …, as every pickler numbers them; others are in `oddSlots`. */
  private readonly memo: PyValue[] = [];
  private readonly oddSlots = new Map<number, PyValue>();
  /** Memo slots of objects that BUILD replaces by their finished form. */
  private readonly unfinished = new Map<PyValue, number[]>();
  /** Memory of what the pickle creates: opcodes of one byte make objects of hundreds. */
  readonly budget: Budget;
  /** Slots of stack and marks that are paid for. */
  private paid = 0;

  constructor(
    readonly input: ByteCursor,
    private readonly options: UnpickleOptions,
  ) {
    this.budget = new Budget(input.file, input.bytes.length, "MalformedPickle");
  }

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

  /** Pushes a value that takes no memory of its own. */
  push(value: PyValue): void {
    this.payForSlot();
    this.stack.push(value);
  }

  /** Pushes an object that the opcode made. */
  create(object: PyValue): void {
    this.budget.take(costOf(object), "what it builds");
    this.push(object);
  }

  /** The stack is paid for once, in pieces, at its largest. */
  private payForSlot(): void {
    if (this.stack.length + this.marks.length < this.paid) return;
    const more = 1024;
    this.budget.take(more * memoryCost.stack, "its stack");
    this.paid += more;
  }

  pop(): PyValue {
    const value = this.top();
    this.stack.length--;
    return value;
  }

  /** Values above the last MARK: none of those below may be taken. */
  private get height(): number {
    return this.stack.length - (this.marks.at(-1) ?? 0);
  }

  top(): PyValue {
    if (this.height === 0) throw this.malformed("stack underflow");
    return this.stack[this.stack.length - 1];
  }

  popMany(count: number): PyValue[] {
    if (this.height < count) throw this.malformed("stack underflow");
    return this.cut(this.stack.length - count);
  }

  private cut(from: number): PyValue[] {
    const items = this.stack.slice(from);
    this.stack.length = from;
    return items;
  }

  mark(): void {
    this.payForSlot();
    this.marks.push(this.stack.length);
  }

  /** Everything above the last MARK. */
  popMark(): PyValue[] {
    const from = this.marks.pop();
    if (from === undefined) throw this.malformed("no MARK on the stack");
    return this.cut(from);
  }

  /** POP may also take a bare MARK. */
  popOrMark(): void {
    if (this.height === 0 && this.marks.length) this.marks.pop();
    else this.pop();
  }

  remember(slot: number = this.memo.length + this.oddSlots.size): void {
    const value = this.top();
    if (slot < this.memo.length) this.memo[slot] = value;
    else if (slot === this.memo.length) {
      this.budget.take(memoryCost.memo, "its memo");
      this.memo.push(value);
      this.oddSlots.delete(slot);
    } else {
      this.budget.take(memoryCost.entry, "its memo");
      this.oddSlots.set(slot, value);
    }
    if (value instanceof BlankArray || value instanceof NumpyDType) {
      this.budget.take(memoryCost.memo, "its memo");
      const slots = this.unfinished.get(value);
      if (slots) slots.push(slot);
      else this.unfinished.set(value, [slot]);
    }
  }

  recall(slot: number): void {
    const value = this.memo[slot] ?? this.oddSlots.get(slot);
    if (value === undefined && this.memo[slot] !== null) throw this.malformed(`memo slot ${slot} was never written`);
    this.push(value ?? null);
  }

  append(items: PyValue[]): void {
    const list = this.top();
    if (list instanceof PyUnknown) return;
    if (!Array.isArray(list)) throw this.malformed(`APPEND to ${pyType(list)}`);
    const first = list.length === 0 ? memoryCost.firstItem : 0;
    this.budget.take(first + items.length * memoryCost.item, "a list");
    for (const item of items) list.push(item);
  }

  addItems(items: PyValue[]): void {
    const set = this.top();
    if (set instanceof PyUnknown) return;
    if (!(set instanceof PySet)) throw this.malformed(`ADDITEMS to ${pyType(set)}`);
    for (const item of items) {
      this.budget.take(entryCost(item), "a set");
      set.add(item);
    }
  }

  setItems(items: PyValue[]): void {
    const dict = this.top();
    if (dict instanceof PyUnknown) return;
    if (!(dict instanceof PyDict)) throw this.malformed(`SETITEM on ${pyType(dict)}`);
    if (items.length % 2) throw this.malformed("SETITEMS with a key without value");
    for (let i = 0; i < items.length; i += 2) {
      this.budget.take(entryCost(items[i]), "a dict");
      dict.set(items[i], items[i + 1]);
    }
  }

  /** Looks a name up in the allow-list. @throws ForbiddenGlobal for any other, unless unknown ones are kept. */
  global(module: PyValue, name: PyValue): PyValue {
    if (typeof module !== "string" || typeof name !== "string") throw this.malformed("a global without name");
    // binary rubbish is not an attack: names are printable
    if (module.length + name.length > 200 || !/^[\x20-\x7e]+$/.test(module + name))
      throw this.malformed("a global with an unprintable name");
    const full = canonicalName(module, name);
    const allowed = name.includes(".") ? undefined : this.options.globals.get(full);
    if (allowed) return allowed.value ?? new PyGlobal(full);
    if (this.options.keepUnknown && !looksHostile(module, name)) return new PyUnknown(full);
    const detail = `the pickle refers to ${module}.${name}, which no data file needs; nothing was run`;
    throw this.fail("ForbiddenGlobal", detail);
  }

  /** Calls a listed constructor. What needs something unknown is unknown itself. */
  call(type: PyValue, args: PyValue): void {
    const items = args instanceof PyTuple ? args.items : args;
    const unknown = Array.isArray(items) ? unknownResult(type, items) : undefined;
    if (unknown) {
      this.push(unknown);
      return;
    }
    const make = type instanceof PyGlobal ? this.options.globals.get(type.name)?.call : undefined;
    if (!make || !Array.isArray(items)) throw this.malformed(`${pyType(type)} called with ${pyType(args)}`);
    this.create(this.orUnknown(() => make(items, this.budget), (type as PyGlobal).name));
  }

  /** Content of a kind that is not read, such as complex numbers, must not hide the weights beside it. */
  private orUnknown(make: () => PyValue, name: string): PyValue {
    try {
      return make();
    } catch (e) {
      if (this.options.keepUnknown && e instanceof BuildError && e.kind === "UnsupportedFeature")
        return new PyUnknown(name);
      throw e;
    }
  }

  /** BUILD: arrays and dtypes get their state, dictionaries their attributes; nothing else has any. */
  build(): void {
    const state = this.pop();
    const object = this.pop();
    if (object instanceof PyUnknown) this.push(object);
    else if (object instanceof BlankArray || object instanceof NumpyDType) {
      const finished =
        unknownIn(state) ?? this.orUnknown(() => object.withState(state, this.budget), pyType(object).split(" ")[0]);
      for (const slot of this.unfinished.get(object) ?? []) this.replace(slot, object, finished);
      this.unfinished.delete(object);
      this.push(finished);
    } else if (object instanceof PyDict && object.type !== "dict" && state instanceof PyDict) {
      object.attributes = state;
      this.push(object);
    } else throw this.malformed(`BUILD of ${pyType(object)} from ${pyType(state)}`);
  }

  private replace(slot: number, object: PyValue, finished: PyValue): void {
    if (this.memo[slot] === object) this.memo[slot] = finished;
    else if (this.oddSlots.get(slot) === object) this.oddSlots.set(slot, finished);
  }

  persistent(id: PyValue): void {
    if (!this.options.persistent) throw this.malformed("a persistent id in a plain pickle");
    const unknown = unknownIn(id);
    if (unknown) this.push(unknown);
    else this.create(this.options.persistent(id));
  }
}
