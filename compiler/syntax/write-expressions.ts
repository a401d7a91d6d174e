import type { Arg, BinaryExpr, BinaryOperator, CallNode, Expr } from "./ast.js";
import { breakOrNothing, group, nest, type Doc } from "./doc.js";
import { binaryPrecedence, precedence } from "./operators.js";
import { stringText } from "./strings.js";
import type { Writer } from "./writer.js";

/** Writes an expression with the parentheses that its tree needs, where what holds it binds as tightly as `level`. */
export function writeExpr(w: Writer, expr: Expr, level: number = precedence.conditional): Doc {
  if (levelOf(expr) >= level) return writeBare(w, expr);
  return [w.open(), nest(1, writeBare(w, expr)), w.close()];
}

function levelOf(expr: Expr): number {
  if (expr.kind === "conditional") return precedence.conditional;
  if (expr.kind === "binary") return binaryPrecedence[expr.op];
  if (expr.kind === "unary") return precedence.prefix;
  return precedence.postfix;
}

function writeBare(w: Writer, expr: Expr): Doc {
  switch (expr.kind) {
    case "number":
      return w.token(expr.text);
    case "string":
      return w.token(stringText(expr.value));
    case "name":
      return w.token(expr.name);
    case "unknown":
      return w.token("?");
    case "error":
      return w.token("…");
    case "call":
      return [w.token(expr.callee.name), writeArgs(w, expr.args)];
    case "member": {
      // `3.n` would read as one number.
      const object = writeExpr(w, expr.object, expr.object.kind === "number" ? Infinity : precedence.postfix);
      const name = [w.token("."), w.token(expr.name.name)];
      return [object, name, expr.args === undefined ? "" : writeArgs(w, expr.args)];
    }
    case "index":
      return [writeExpr(w, expr.object, precedence.postfix), writeList(w, expr.indices)];
    case "list":
      return writeList(w, expr.items);
    case "unary":
      return [w.token(expr.op), writeExpr(w, expr.operand, precedence.prefix)];
    case "binary":
      return writeBinary(w, expr);
    case "conditional":
      return group(
        writeExpr(w, expr.then, precedence.or),
        [w.token("if", "break"), w.gap("space"), nest(3, writeExpr(w, expr.condition, precedence.or))],
        [w.token("else", "break"), w.gap("space"), writeExpr(w, expr.otherwise)],
      );
  }
}

/** A row of operators that bind alike is one group: they break together, each at the start of its line. */
function writeBinary(w: Writer, expr: BinaryExpr): Doc {
  const level = binaryPrecedence[expr.op];
  const rest: { readonly op: BinaryOperator; readonly right: Expr }[] = [];
  let left: Expr = expr;
  while (left.kind === "binary" && binaryPrecedence[left.op] === level && (rest.length === 0 || level !== precedence.comparison)) {
    rest.push({ op: left.op, right: left.right });
    left = left.left;
  }
  const parts: Doc[] = [writeExpr(w, left, level === precedence.comparison ? level + 1 : level)];
  for (const { op, right } of rest.reverse()) {
    parts.push(w.token(op, "break"), w.gap("space"), nest(op.length + 1, writeExpr(w, right, level + 1)));
  }
  return group(...parts);
}

export function writeArgs(w: Writer, args: readonly Arg[]): Doc {
  const open = w.open();
  if (args.length === 0) return [open, w.close()];
  const written = args.map((arg, i) => {
    const before = i === 0 ? w.gap("soft") : [w.token(","), w.gap("break")];
    const label = arg.label === undefined ? "" : [w.token(arg.label.text), w.token(":"), w.gap("space")];
    return [before, label, writeExpr(w, arg.value)];
  });
  return group(open, nest(2, ...written), breakOrNothing, w.close());
}

export function writeCall(w: Writer, call: CallNode): Doc {
  return [w.token(call.callee.name), writeArgs(w, call.args)];
}

function writeList(w: Writer, items: readonly Expr[]): Doc {
  const open = w.token("[");
  const written = items.map((item, i) => [i === 0 ? w.gap("soft") : [w.token(","), w.gap("break")], writeExpr(w, item)]);
  return group(open, nest(2, ...written), w.token("]", "soft"));
}
