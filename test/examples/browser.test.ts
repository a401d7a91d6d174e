import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { expect, test } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import { dense, greatestDifference } from "../bindings/dense.js";
import { buildExample } from "./example.js";

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".attn": "text/plain" };

/** A server of static files on a free port of this machine. */
async function serve(folder: string): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url!, "http://localhost").pathname);
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    readFile(file).then(
      (body) => response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** Software WebGPU, and nothing that asks for a network. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const candidates = [process.env["CHROMIUM_PATH"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
const NAME = "examples/browser: the page smooths an image as dense attention does";

/** What the page's script exports. */
interface Last {
  readonly q: number[];
  readonly k: number[];
  readonly v: number[];
  readonly radius: number;
  readonly out: number[];
  readonly seen: boolean[];
}

if (executablePath === undefined) {
  test.skip(`${NAME} [skipped: no chromium; install it or set CHROMIUM_PATH]`, () => undefined);
} else {
  test(NAME, async () => {
    const { folder, mask, remove } = await buildExample("browser", "image.attn", true);
    const { server, url } = await serve(folder);
    const browser = await chromium.launch({ executablePath, args: FLAGS });
    try {
      const page = await browser.newPage();
      const troubles: string[] = [];
      page.on("pageerror", (error) => troubles.push(error.message));
      page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
      page.on("requestfailed", (request) => troubles.push(request.url()));
      await page.goto(url);

      /** Waits for a run with that radius and gives its tensors. */
      const result = async (radius: number): Promise<Last> => {
        const status = page.locator("#status:not([data-state=starting]):not([data-state=running])", { hasText: /radius|Error/ });
        await status.filter({ hasText: new RegExp(`radius ${radius}:|Error`) }).waitFor({ timeout: 90_000 });
        expect(await status.getAttribute("data-state"), await status.innerText()).toBe("done");
        // As text: vitest rewrites imports in functions.
        return page.evaluate<Last>(`import("/main.js").then(({ last }) =>
          Object.fromEntries(Object.entries(last).map(([key, value]) => [key, typeof value === "number" ? value : [...value]])))`);
      };

      const length = 32 * 32;
      for (const radius of [3, 1]) {
        if (radius !== 3) await page.locator("#radius").fill(String(radius));
        const last = await result(radius);
        expect(last.radius).toBe(radius);
        const env = { N: length, NQ: length, heads: 1, kvHeads: 1, params: { radius } };
        // The page says scale 1; the reference divides by sqrt(4).
        const q = Float32Array.from(last.q, (x) => x * 2);
        const expected = dense(mask, {
          batch: 1,
          env,
          headDim: 4,
          valueDim: 4,
          q,
          k: Float32Array.from(last.k),
          v: Float32Array.from(last.v),
        });
        expect(greatestDifference(last.out, expected.out)).toBeLessThan(1e-4);
        const sees = headEvaluator(mask, env, 0, 0);
        const clicked = 14 * 32 + 5;
        expect(last.seen).toEqual(last.seen.map((_, query) => sees(query, clicked)));
      }
      // The picture is of the result: a smoothed disc still stands out from its ground.
      const pixel = await page
        .locator("#output")
        .evaluate((canvas) => [...(canvas as HTMLCanvasElement).getContext("2d")!.getImageData(14, 16, 1, 1).data]);
      expect(pixel[0]).toBeGreaterThan(180);
      expect(troubles).toEqual([]);
    } finally {
      await browser.close();
      server.close();
      remove();
    }
  });
}
