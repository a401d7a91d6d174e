/** A buffer with the values in it, for kernels to read. */
export function uploadBuffer(device: GPUDevice, values: Float32Array<ArrayBuffer>): GPUBuffer {
  const buffer = emptyBuffer(device, values.byteLength);
  device.queue.writeBuffer(buffer, 0, values);
  return buffer;
}

/** A buffer that kernels read and write, and that can be copied from and to. */
export function emptyBuffer(device: GPUDevice, size: number): GPUBuffer {
  return device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
}

export async function readBuffer(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array<ArrayBuffer>> {
  const staging = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}
