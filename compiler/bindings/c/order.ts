import { symbolStem } from "../../../runtime/cuda/module.js";
import type { MaskModule } from "../../mask/ir.js";

/** The curve of runtime/launch/curves.ts: the same steps, told in C++. */
const GILBERT = /* cpp */ `
struct Vector {
  int x[3];
  int length() const { return abs(x[0] + x[1] + x[2]); }
  Vector unit() const { return map([](int e) { return e > 0 ? 1 : e < 0 ? -1 : 0; }); }
  Vector operator-() const { return map([](int e) { return -e; }); }
  Vector operator+(const Vector& b) const { return {{x[0] + b.x[0], x[1] + b.x[1], x[2] + b.x[2]}}; }
  Vector operator-(const Vector& b) const { return *this + -b; }
  // Half of a side, and one step more where that makes it even: then a part ends beside where the next one starts.
  Vector half() const {
    const Vector part = map([](int e) { return e / 2; });
    return part.length() % 2 == 1 && length() > 2 ? part + unit() : part;
  }

 private:
  template <class F> Vector map(F f) const { return {{f(x[0]), f(x[1]), f(x[2])}}; }
};

// Visits a box with the sides a, b and c from a corner on, so that it ends at the far end of a: the generalised
// Hilbert curve of Cerveny.
template <class F>
void visit(Vector at, Vector a, Vector b, Vector c, F& see) {
  const int w = a.length(), h = b.length(), d = c.length();
  if ((w > 1) + (h > 1) + (d > 1) < 2) {
    const Vector along = w != 1 ? a : h != 1 ? b : c;
    for (int i = 0; i < along.length(); i++, at = at + along.unit()) see(at);
    return;
  }
  const Vector a2 = a.half(), b2 = b.half(), c2 = c.half();
  const Vector a_rest = a - a2, b_rest = b - b2, c_rest = c - c2;
  const Vector a_end = a - a.unit(), b_turn = b2 - b.unit(), c_turn = c2 - c.unit(), c_end = c - c.unit();
  if (w > 1 && 2 * w > 3 * h && 2 * w > 3 * d) {
    visit(at, a2, b, c, see);
    visit(at + a2, a_rest, b, c, see);
  } else if (d == 1 || 3 * h > 4 * d) {
    visit(at, b2, c, a2, see);
    visit(at + b2, a, b_rest, c, see);
    visit(at + a_end + b_turn, -b2, c, -a_rest, see);
  } else if (h == 1 || 3 * d > 4 * h) {
    visit(at, c2, a2, b, see);
    visit(at + c2, a, b, c_rest, see);
    visit(at + a_end + c_turn, -c2, -a_rest, b, see);
  } else {
    visit(at, b2, c2, a2, see);
    visit(at + b2, c, a2, b_rest, see);
    visit(at + b_turn + c_end, a, -b2, -c_rest, see);
    visit(at + a_end + b2 + c_end, -c, -a_rest, b_rest, see);
    visit(at + a_end + b_turn, -b2, c2, -a_rest, see);
  }
}
`;

/** The functions that make the tables of a layout, and what they call; empty where there are none. */
export function printOrders({ name, orders = [] }: MaskModule): string {
  if (orders.length === 0) return "";
  const functions = orders.map(({ name: table, extents, behind, of }) => {
    const sizes = [extents[0]!, extents[1]!, extents[2] ?? 1];
    const sides = sizes
      .map((size, axis) => ({ size, side: `Vector{{${sizes.map((_, i) => (i === axis ? size : 0)).join(", ")}}}` }))
      .sort((x, y) => y.size - x.size)
      .map(({ side }) => side);
    const value = of === "position" ? `(at.x[0] * ${sizes[1]} + at.x[1]) * ${sizes[2]} + at.x[2]` : `at.x[${of}]`;
    return `extern "C" void ${symbolStem(name)}_order_${table.slice(1)}(int* table) {
  int place = 0;
  auto see = [&](const Vector& at) { table[place++] = ${value}; };
  visit(Vector{{0, 0, 0}}, ${sides.join(", ")}, see);
  // Behind the grid ${of === "position" ? "tokens keep their places" : "no coordinate is asked for"}.
  for (int i = 0; i < ${behind}; i++, place++) table[place] = ${of === "position" ? "place" : "table[place - 1]"};
}
`;
  });
  return `namespace {
${GILBERT.trim()}
}  // namespace

${functions.join("\n")}`;
}
