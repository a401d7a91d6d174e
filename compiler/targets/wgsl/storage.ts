import type { Schedule } from "../../schedule/schedule.js";

/** How four neighbouring numbers of a tensor stand in a buffer and come out as `vec4<f32>`. */
export interface Storage {
  readonly type: string;
  readonly enable?: string;
  readonly load: (place: string) => string;
  readonly store: (value: string) => string;
}

export function storageFor(half: Schedule["half"]): Storage {
  switch (half) {
    case "none":
      return { type: "vec4<f32>", load: (place) => place, store: (value) => value };
    case "native":
      return {
        type: "vec4<f16>",
        enable: "enable f16;",
        load: (place) => `vec4<f32>(${place})`,
        store: (value) => `vec4<f16>(${value})`,
      };
    case "packed":
      return {
        type: "vec2<u32>",
        load: (place) => `unpack_half(${place})`,
        store: (value) => `vec2<u32>(pack2x16float(${value}.xy), pack2x16float(${value}.zw))`,
      };
  }
}
