import type { MaskModule } from "../mask/ir.js";
import type { TileCond, TileExpr } from "./expr.js";
import type { TilePlan } from "./plan.js";
import { children } from "./walk.js";

/**
 * Structural rules of tile plans, as sentences about what breaks them; empty for a sound plan.
 * - Key ranges are known before the key tile is: they do not mention it.
 * - Parameters, scalars and inputs are those of the module, inputs of the right kind.
 */
export function verifyPlan(plan: TilePlan, module: MaskModule): readonly string[] {
  const problems: string[] = [];
  for (const range of plan.ranges) {
    for (const end of [range.lo, range.hi]) {
      visit(end, (node) => {
        if (node.kind === "var" && (node.name === "k0" || node.name === "k1")) problems.push(`a key range mentions ${node.name}`);
      });
      checkNames(end, module, problems);
    }
  }
  checkNames(plan.may, module, problems);
  checkNames(plan.must, module, problems);
  return problems;
}

function checkNames(root: TileExpr | TileCond, module: MaskModule, problems: string[]): void {
  const inputs = new Map(module.inputs.map((input) => [input.name, input.kind === "ids" ? "ids" : "bits"]));
  for (const { name, kind } of module.selections ?? []) inputs.set(name, kind === "order" ? "ids" : "bits");
  for (const order of module.orders ?? []) inputs.set(order.name, "ids");
  visit(root, (node) => {
    switch (node.kind) {
      case "param":
        if (!module.params.some((param) => param.name === node.name)) problems.push(`no parameter ${node.name}`);
        return;
      case "scalar":
        if (node.slot >= module.scalars.length) problems.push(`no scalar ${node.slot}`);
        return;
      case "idMin":
      case "idMax":
        if (inputs.get(node.input) !== "ids") problems.push(`${node.input} is not an ids input`);
        return;
      case "anyBit":
      case "allBits":
        if (inputs.get(node.input) !== "bits") problems.push(`${node.input} is not an input of bits`);
        return;
    }
  });
}

function visit(node: TileExpr | TileCond, see: (node: TileExpr | TileCond) => void): void {
  see(node);
  for (const child of children(node)) visit(child, see);
}
