/** A class or function that a pickle names: never called, only told apart. */
export interface PickledGlobal {
  readonly kind: 'global';
  /** `torch._utils._rebuild_tensor_v2` */
  readonly name: string;
}

/** What a pickle would have made by calling something, taken down instead. */
export interface PickledCall {
  readonly kind: 'call';
  readonly callee: string;
  readonly args: readonly PickledValue[];
  /** What would have been set on it: its items, and the state it was built with. */
  readonly items: Map<PickledValue, PickledValue>;
  state: PickledValue;
}

/** What lies outside the pickle, by what it says of it: of PyTorch a storage. */
export interface PickledReference {
  readonly kind: 'reference';
  readonly id: PickledValue;
}

export type PickledValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PickledValue[]
  | Map<PickledValue, PickledValue>
  | PickledGlobal
  | PickledCall
  | PickledReference;

/** Something in a pickle that is not taken. */
export class PickleRefusal extends Error {}

/**
 * Reads a pickle as data: nothing is imported, called or built. What it names must be on the list.
 * (Python, Lib/pickletools.py, protocols 2 to 5)
 *
 * @param allowed names of classes and functions that may stand in it
 * @throws PickleRefusal for another name, an instruction that only programs need, or a damaged pickle
 */
export function unpickle(bytes: Uint8Array, allowed: ReadonlySet<string>): PickledValue {
  try {
    return new Unpickler(bytes, allowed).run();
  } catch (error) {
    if (error instanceof RangeError) throw new PickleRefusal('it is cut off');
    throw error;
  }
}

const MARK = Symbol('mark');
type Stacked = PickledValue | typeof MARK;

class Unpickler {
  private readonly buffer: Buffer;
  private readonly allowed: ReadonlySet<string>;
  private at = 0;
  private readonly stack: Stacked[] = [];
  private readonly memo = new Map<number, PickledValue>();

  constructor(bytes: Uint8Array, allowed: ReadonlySet<string>) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.allowed = allowed;
  }

  run(): PickledValue {
    for (;;) {
      const opcode = this.buffer.readUInt8(this.at++);
      if (opcode === 0x2e) return this.pop();
      this.step(opcode);
    }
  }

  private step(opcode: number): void {
    const push = pushers[opcode];
    if (push) {
      this.stack.push(push(this));
      return;
    }
    const work = works[opcode];
    if (!work) throw new PickleRefusal(`it holds the instruction 0x${opcode.toString(16)}`);
    work(this);
  }

  take(count: number): Buffer {
    const end = this.at + count;
    if (end > this.buffer.length) throw new RangeError();
    const part = this.buffer.subarray(this.at, end);
    this.at = end;
    return part;
  }

  u8 = (): number => this.take(1).readUInt8();
  u16 = (): number => this.take(2).readUInt16LE();
  u32 = (): number => this.take(4).readUInt32LE();
  i32 = (): number => this.take(4).readInt32LE();
  f64 = (): number => this.take(8).readDoubleBE();

  line(): string {
    const end = this.buffer.indexOf(0x0a, this.at);
    if (end < 0) throw new RangeError();
    const text = this.buffer.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }

  /** A two's complement number of so many bytes. */
  long(): number | bigint {
    const bytes = this.take(this.u8());
    if (bytes.length === 0) return 0;
    let value = 0n;
    for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
    const signed = BigInt.asIntN(bytes.length * 8, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  global(module: PickledValue, name: PickledValue): PickledGlobal {
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw new PickleRefusal('it is damaged');
    }
    const whole = `${module}.${name}`.slice(0, 200);
    if (this.allowed.has(whole)) return { kind: 'global', name: whole };
    throw new PickleRefusal(`it asks for "${whole}", which tensors do not need`);
  }

  pop(): PickledValue {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw new PickleRefusal('it is damaged');
    return value;
  }

  top(): PickledValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  mark(): void {
    this.stack.push(MARK);
  }

  /** What was pushed since the last mark. */
  popToMark(): PickledValue[] {
    const start = this.stack.lastIndexOf(MARK);
    if (start < 0) throw new PickleRefusal('it is damaged');
    const values = this.stack.splice(start).slice(1);
    return values.filter((value): value is PickledValue => value !== MARK);
  }

  popMany(count: number): PickledValue[] {
    return Array.from({ length: count }, () => this.pop()).toReversed();
  }

  memoize(index = this.memo.size): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): PickledValue {
    const value = this.memo.get(index);
    if (value === undefined) throw new PickleRefusal('it is damaged');
    return value;
  }

  setItems(pairs: readonly PickledValue[]): void {
    const target = this.top();
    const items = target instanceof Map ? target : isCall(target) ? target.items : null;
    if (!items || pairs.length % 2 !== 0) throw new PickleRefusal('it is damaged');
    for (let i = 0; i < pairs.length; i += 2) items.set(pairs[i] ?? null, pairs[i + 1] ?? null);
  }

  append(values: readonly PickledValue[]): void {
    const target = this.top();
    if (!Array.isArray(target)) throw new PickleRefusal('it is damaged');
    (target as PickledValue[]).push(...values);
  }

  call(): PickledCall {
    const [callee = null, args = null] = this.popMany(2);
    if (!isGlobal(callee) || !Array.isArray(args)) throw new PickleRefusal('it is damaged');
    const noted = args as readonly PickledValue[];
    return { kind: 'call', callee: callee.name, args: noted, items: new Map(), state: null };
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    if (isCall(target)) target.state = state;
  }
}

function hasKind(value: PickledValue, kind: string): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

export function isCall(value: PickledValue): value is PickledCall {
  return hasKind(value, 'call');
}

export function isGlobal(value: PickledValue): value is PickledGlobal {
  return hasKind(value, 'global');
}

export function isReference(value: PickledValue): value is PickledReference {
  return hasKind(value, 'reference');
}

const text = (p: Unpickler, length: number) => p.take(length).toString('utf8');

/** Instructions that put a value onto the stack. */
const pushers: Readonly<Record<number, (p: Unpickler) => PickledValue>> = {
  0x4e: () => null,
  0x88: () => true,
  0x89: () => false,
  0x4b: (p) => p.u8(),
  0x4d: (p) => p.u16(),
  0x4a: (p) => p.i32(),
  0x8a: (p) => p.long(),
  0x47: (p) => p.f64(),
  0x58: (p) => text(p, p.u32()),
  0x8c: (p) => text(p, p.u8()),
  0x55: (p) => text(p, p.u8()),
  0x54: (p) => text(p, p.u32()),
  0x43: (p) => p.take(p.u8()),
  0x42: (p) => p.take(p.u32()),
  0x7d: () => new Map(),
  0x5d: () => [],
  0x29: () => [],
  0x8f: () => [],
  0x74: (p) => p.popToMark(),
  0x6c: (p) => p.popToMark(),
  0x85: (p) => p.popMany(1),
  0x86: (p) => p.popMany(2),
  0x87: (p) => p.popMany(3),
  0x63: (p) => p.global(p.line(), p.line()),
  0x93: (p) => {
    const [module = null, name = null] = p.popMany(2);
    return p.global(module, name);
  },
  0x68: (p) => p.recall(p.u8()),
  0x6a: (p) => p.recall(p.u32()),
  0x51: (p) => ({ kind: 'reference', id: p.pop() }),
  0x52: (p) => p.call(),
  0x81: (p) => p.call(),
};

/** Instructions that do something with what is there. */
const works: Readonly<Record<number, (p: Unpickler) => void>> = {
  // Protocol and frames.
  0x80: (p) => void p.u8(),
  0x95: (p) => void p.take(8),
  0x28: (p) => {
    p.mark();
  },
  0x30: (p) => void p.pop(),
  0x71: (p) => {
    p.memoize(p.u8());
  },
  0x72: (p) => {
    p.memoize(p.u32());
  },
  0x94: (p) => {
    p.memoize();
  },
  0x73: (p) => {
    p.setItems(p.popMany(2));
  },
  0x75: (p) => {
    p.setItems(p.popToMark());
  },
  0x61: (p) => {
    p.append(p.popMany(1));
  },
  0x65: (p) => {
    p.append(p.popToMark());
  },
  0x90: (p) => {
    p.append(p.popToMark());
  },
  0x62: (p) => {
    p.build();
  },
};
