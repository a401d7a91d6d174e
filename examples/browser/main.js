// A page with no bundler and no dependency: the generated file holds kernels and runtime.
import { createImage, requirements } from "./generated/image.attn.js";

const height = 32;
const width = 32;
const length = height * width;
const dim = 4;

const element = (id) => document.getElementById(id);

function say(state, text) {
  element("status").dataset.state = state;
  element("status").textContent = text;
}

/** A disc on a slope, with noise: [pixel][red, green, blue, 1], each in 0..1. */
function noisyImage() {
  let seed = 1;
  const noise = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed / 2 ** 31) * 0.2;
  };
  const pixels = new Float32Array(length * dim);
  for (let i = 0; i < length; i++) {
    const y = Math.floor(i / width);
    const x = i % width;
    const colour = Math.hypot(y - 16, x - 14) < 9 ? [0.9, 0.6, 0.2] : [0.2, 0.3 + x / 100, 0.4 + y / 80];
    pixels.set([...colour.map((channel) => channel + noise()), 1], i * dim);
  }
  return pixels;
}

/**
 * Vectors whose dot product falls with the square of the distance of two colours: |a - b|^2 =
 * |a|^2 + |b|^2 - 2 a.b, where |a|^2 is the same for all keys of a query and may be left out.
 */
function colourVectors(image) {
  const sharpness = 12;
  const q = new Float32Array(image.length);
  const k = new Float32Array(image.length);
  for (let i = 0; i < image.length; i += dim) {
    const [red, green, blue] = image.subarray(i, i + 3);
    q.set(
      [2 * red, 2 * green, 2 * blue, -1].map((value) => value * sharpness),
      i,
    );
    k.set([red, green, blue, red * red + green * green + blue * blue], i);
  }
  return { q, k };
}

function draw(id, pixels) {
  const bytes = Uint8ClampedArray.from(pixels, (value) => value * 255);
  element(id)
    .getContext("2d")
    .putImageData(new ImageData(bytes, width, height), 0, 0);
}

/** The tensors and the result of the last run, for whoever wants to look into them. */
export const last = { q: undefined, k: undefined, v: undefined, radius: undefined, out: undefined, seen: undefined };

async function start() {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error("this browser offers no WebGPU adapter");
  const device = await adapter.requestDevice(requirements(adapter));
  const attention = await createImage(device);
  const v = noisyImage();
  const { q, k } = colourVectors(v);
  draw("input", v);
  let clicked = 14 * width + 5;

  async function update() {
    const radius = Number(element("radius").value);
    const call = { length, params: { radius }, scale: 1 };
    const begin = performance.now();
    const { out } = await attention.run({ q, k, v }, call);
    const time = performance.now() - begin;
    draw("output", out);

    // Equal logits and a value at one key only: the output is above 0 where a query sees that key.
    const zero = new Float32Array(length * dim);
    const mark = new Float32Array(length * dim);
    mark.fill(1, clicked * dim, (clicked + 1) * dim);
    const marked = await attention.run({ q: zero, k: zero, v: mark }, call);
    const seen = Array.from({ length }, (_, i) => marked.out[i * dim] > 0);
    draw(
      "mask",
      seen.flatMap((sees, i) => (i === clicked ? [0.9, 0.6, 0.2, 1] : sees ? [0.2, 0.4, 0.6, 1] : [1, 1, 1, 1])),
    );

    Object.assign(last, { q, k, v, radius, out, seen });
    const { description, vendor, architecture } = adapter.info;
    const name = description || `${vendor} ${architecture}`.trim() || "the GPU";
    say("done", `${length} pixels, radius ${radius}: ${time.toFixed(1)} ms on ${name}`);
  }

  // One run after the other, however fast the slider moves.
  let running = Promise.resolve();
  const again = () => {
    say("running", "running");
    running = running.then(update).catch(fail);
  };
  element("radius").addEventListener("input", again);
  element("mask").addEventListener("click", ({ offsetX, offsetY, target }) => {
    clicked = Math.floor((offsetY / target.clientHeight) * height) * width + Math.floor((offsetX / target.clientWidth) * width);
    again();
  });
  again();
}

function fail(error) {
  say("failed", String(error));
}

start().catch(fail);
