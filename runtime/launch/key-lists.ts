import type { ConstantBuffers } from "./constant-buffers.js";
import { foldWorkgroups } from "./dispatch.js";
import type { AttentionModule, InputField, ListField } from "./module.js";

export function isListField(field: InputField | ListField): field is ListField {
  return field === "list" || field === "listBatchStride" || field === "listStride";
}

/** A bit matrix in the aux buffer, of one row for each batch entry and head. */
interface RowsOfBits {
  readonly batch: number;
  readonly heads: number;
  readonly columns: number;
  readonly rowStride: number;
  readonly fields: { readonly base: number };
}

/**
 * Where the lists of an input or a selection lie in the aux buffer, in words: for each batch entry and head how many
 * columns are set, and behind that the columns, rising.
 */
export interface KeyListLayout {
  readonly name: string;
  readonly bits: RowsOfBits;
  readonly fields: Readonly<Record<ListField, number>>;
}

/** Lays out the module's lists from `words` on. `bitsOf` gives the matrix that a list is made of. */
export function layoutKeyLists(
  module: AttentionModule,
  bitsOf: (name: string) => RowsOfBits,
  words: number,
): { readonly lists: readonly KeyListLayout[]; readonly words: number } {
  let end = words;
  const lists = (module.lists ?? []).map((name): KeyListLayout => {
    const bits = bitsOf(name);
    const listStride = 1 + bits.columns;
    const list = end;
    end += bits.batch * bits.heads * listStride;
    return { name, bits, fields: { list, listStride, listBatchStride: bits.batch === 1 ? 0 : bits.heads * listStride } };
  });
  return { lists, words: end };
}

/** The parameters of the pass that makes lists, in the order of its shader's struct; the first is the number of workgroups. */
export function keyListParams({ bits, fields }: KeyListLayout): readonly number[] {
  return [bits.batch * bits.heads, Math.ceil(bits.columns / 32), bits.fields.base, bits.rowStride, fields.list, fields.listStride];
}

/** Encodes the pass that makes a list of its bits, which are in the aux buffer by then. */
export function encodeKeyList(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  pipeline: GPUComputePipeline,
  constants: ConstantBuffers,
  aux: GPUBuffer,
  layout: KeyListLayout,
): void {
  const words = new Int32Array(8);
  words.set(keyListParams(layout));
  const entries: GPUBindGroupEntry[] = [
    { binding: 0, resource: { buffer: constants.get(words) } },
    { binding: 1, resource: { buffer: aux } },
  ];
  const label = `attnc list ${layout.name}`;
  const pass = encoder.beginComputePass({ label });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ label, layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(...foldWorkgroups(words[0]!, device));
  pass.end();
}
