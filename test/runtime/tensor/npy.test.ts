import fc from "fast-check";
import { expect, test } from "vitest";
import { readNpy, writeNpy } from "../../../runtime/index.js";
import { toHalfBits, fromHalfBits } from "../../../runtime/launch/half.js";

/** Files written by numpy 2.4, and what is in them. */
const NUMPY_FILES = [
  {
    what: "f32 in Fortran order",
    file: "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMC/AADAPwAAAL8AACBAAAAAPwAAYEA=",
    tensor: { dtype: "f32", shape: [2, 3], data: Float32Array.of(-1.5, -0.5, 0.5, 1.5, 2.5, 3.5) },
  },
  {
    what: "f16",
    file: "k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDQsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAPgDA/3sBAA==",
    tensor: { dtype: "f16", shape: [4], data: Float32Array.of(1.5, -2, 65504, 2 ** -24) },
  },
  {
    what: "booleans",
    file: "k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDEpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAA==",
    tensor: { dtype: "bool", shape: [2, 1], data: Uint8Array.of(1, 0) },
  },
  {
    what: "i64, version 2",
    file: "k05VTVBZAgB0AAAAeydkZXNjcic6ICc8aTgnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAwAMAAAAAAAAA",
    tensor: { dtype: "i64", shape: [2], data: BigInt64Array.of(-(2n ** 62n), 3n) },
  },
  {
    what: "u16, version 3",
    file: "k05VTVBZAwB0AAAAeydkZXNjcic6ICc8dTInLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMSwgMSwgMSksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAr//w==",
    tensor: { dtype: "u16", shape: [1, 1, 1], data: Uint16Array.of(65535) },
  },
  {
    what: "a scalar of f64",
    file: "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAqamZmZmZm5Pw==",
    tensor: { dtype: "f64", shape: [], data: Float64Array.of(0.1) },
  },
  {
    what: "nothing",
    file: "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDAsIDQpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo=",
    tensor: { dtype: "i32", shape: [0, 4], data: new Int32Array(0) },
  },
] as const;

/** An .npy of version 1 with any header text. */
function npy(header: string, data: readonly number[] = []): Uint8Array {
  return Uint8Array.from([
    0x93,
    ...Buffer.from("NUMPY"),
    1,
    0,
    header.length & 255,
    header.length >> 8,
    ...Buffer.from(header, "latin1"),
    ...data,
  ]);
}

const plain = (descr: string, shape: string) => `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;

test.each(NUMPY_FILES)("numpy's file of $what is read", ({ file, tensor }) => {
  const bytes = Uint8Array.from(Buffer.from(file, "base64"));
  expect(readNpy(bytes)).toEqual({ tensor });
  // At an odd place in a larger buffer.
  const larger = new Uint8Array(bytes.length + 3);
  larger.set(bytes, 3);
  expect(readNpy(larger.subarray(3))).toEqual({ tensor });
});

test("big-endian elements are turned", () => {
  expect(readNpy(npy(plain(">i4", "(2,)"), [0, 0, 1, 2, 255, 255, 255, 254])).tensor?.data).toEqual(Int32Array.of(258, -2));
  expect(readNpy(npy(plain(">f2", "(1,)"), [0x3e, 0])).tensor?.data).toEqual(Float32Array.of(1.5));
});

test("headers in other ways of writing are read", () => {
  for (const header of [
    `{"shape":(2,1),"descr":"|u1","fortran_order":True}`,
    "{'fortran_order': False, 'shape': (2L, 1L), 'descr': '=u1'}\n",
  ]) {
    expect(readNpy(npy(header, [7, 8])).tensor).toEqual({ dtype: "u8", shape: [2, 1], data: Uint8Array.of(7, 8) });
  }
});

const shape = fc.array(fc.nat(5), { maxLength: 4 });
const count = (axes: readonly number[]) => axes.reduce((a, b) => a * b, 1);

test("what is written is read back", () => {
  fc.assert(
    fc.property(shape, fc.infiniteStream(fc.float()), (axes, stream) => {
      const floats = Float32Array.from({ length: count(axes) }, () => stream.next().value as number);
      const halves = floats.map((value) => fromHalfBits(toHalfBits(value)));
      const ints = Int32Array.from(floats, (value) => value * 1000);
      const bits = Uint8Array.from(floats, (value) => (value > 0 ? 1 : 0));
      for (const [dtype, data, expected] of [
        ["f32", floats, floats],
        ["f16", floats, halves],
        ["i32", ints, ints],
        ["bool", bits, bits],
      ] as const) {
        const bytes = writeNpy({ dtype, shape: axes, data } as Parameters<typeof writeNpy>[0]);
        expect((bytes.length - data.length * { f32: 4, f16: 2, i32: 4, bool: 1 }[dtype]) % 64).toBe(0);
        expect(readNpy(bytes)).toEqual({ tensor: { dtype, shape: axes, data: expected } });
      }
    }),
  );
  expect(() => writeNpy({ dtype: "f32", shape: [3], data: new Float32Array(2) })).toThrow("shape [3] with 2 elements");
});

test("data start at a multiple of 64 bytes, however long the header", () => {
  for (let rank = 0; rank < 70; rank++) {
    const axes = new Array<number>(rank).fill(1);
    const bytes = writeNpy({ dtype: "i32", shape: axes, data: Int32Array.of(rank) });
    expect((bytes.length - 4) % 64).toBe(0);
    expect(readNpy(bytes).tensor).toEqual({ dtype: "i32", shape: axes, data: Int32Array.of(rank) });
  }
});

test("column-major data of any rank become row-major", () => {
  fc.assert(
    fc.property(shape, (axes) => {
      const bytes = Array.from({ length: count(axes) }, (_, i) => i);
      const header = `{'descr': '|u1', 'fortran_order': True, 'shape': (${axes.map((axis) => `${axis},`).join("")})}`;
      const { data } = readNpy(npy(header, bytes)).tensor!;
      let at = 0;
      const visit = (axis: number, place: number, stride: number): void => {
        if (axis === axes.length) expect(data[at++]).toBe(place & 255);
        else for (let i = 0; i < axes[axis]!; i++) visit(axis + 1, place + i * stride, stride * axes[axis]!);
      };
      visit(0, 0, 1);
      expect(at).toBe(bytes.length);
    }),
  );
});

const good = Buffer.from(writeNpy({ dtype: "f32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }));
const cut = (length: number) => new Uint8Array(good.subarray(0, length));

test.each([
  [new Uint8Array(0), "ATTN6001 not an .npy file: it is empty"],
  [Uint8Array.from(Buffer.from("PK\u0003\u0004")), "ATTN6001 not an .npy file: it is a zip archive, perhaps an .npz"],
  [Uint8Array.of(1, 2, 3), "ATTN6001 not an .npy file: it begins with 01 02 03"],
  [cut(9), "ATTN6005 the file ends in its header, after 9 bytes"],
  [cut(40), "ATTN6005 the header claims 118 bytes and the file ends after 30"],
  [cut(143), "ATTN6005 the file ends too early: shape [2, 2] of f32 takes 16 bytes, the file holds 15"],
  [Uint8Array.from([...good, 0]), "ATTN6006 the file holds more than one array: shape [2, 2] of f32 takes 16 bytes, the file holds 17"],
  [Uint8Array.from([...good.subarray(0, 6), 4, 0, ...good.subarray(8)]), "ATTN6002 .npy version 4.0 is not known: 1.0, 2.0 and 3.0 are"],
  [
    Uint8Array.from([...good.subarray(0, 6), 2, 0, 255, 255, 255, 255]),
    "ATTN6003 the header claims 4294967295 bytes; at most 1048576 are read",
  ],
  [npy(plain("<c16", "(1,)")), "ATTN6004 elements of type `<c16` are not read: floats, integers and booleans are"],
  [npy(plain("|O", "(1,)")), "ATTN6004 elements of type `|O` are not read: floats, integers and booleans are"],
  [
    npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
    "ATTN6004 elements of type records are not read: floats, integers and booleans are",
  ],
  [npy("hello"), "ATTN6003 the header cannot be read: it is not a dictionary in braces"],
  [npy("{'descr': '<f4'}"), "ATTN6003 the header cannot be read: its keys are descr, not descr, fortran_order, shape"],
  [npy("{'descr': '<f4', 'descr': '<f4'}"), "ATTN6003 the header cannot be read: `descr` is there twice"],
  [npy("{'descr' '<f4'}"), "ATTN6003 the header cannot be read: a colon is expected after `descr`"],
  [npy("{descr: '<f4'}"), "ATTN6003 the header cannot be read: a key in quotes is expected at `descr: '<f4'`"],
  [npy(plain("<f4", "(-1,)")), "ATTN6003 the header cannot be read: the value of `shape` is not understood"],
  [npy(plain("<f4", "(1 2)")), "ATTN6003 the header cannot be read: the value of `shape` is not understood"],
  [npy(plain("<f4", "(99999999, 99999999, 99999999)")), "ATTN6003 the header cannot be read: `shape` is too large"],
  [
    npy("{'descr': '<f4', 'fortran_order': 'no', 'shape': (1,)}"),
    "ATTN6003 the header cannot be read: `fortran_order` is neither True nor False",
  ],
])("a damaged file is told by what is wrong (%#)", (bytes, expected) => {
  const { error } = readNpy(bytes);
  expect(`${error?.code} ${error?.message}`).toBe(expected);
});

test("no damage makes the reader throw or hang", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      fc.nat(good.length),
      (edits, length) => {
        const bytes = new Uint8Array(good);
        for (const [at, byte] of edits) bytes[at] = byte;
        readNpy(bytes);
        readNpy(bytes.subarray(0, length));
      },
    ),
    { numRuns: 2000 },
  );
  // A cubic step would take hours.
  readNpy(npy(`{'shape': (${" ".repeat(60_000)}`));
});
