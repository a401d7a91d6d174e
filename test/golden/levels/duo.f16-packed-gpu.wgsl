// duo (std/head_tables.attn:7), head dim 16, value dim 16, f16-packed-gpu.
// One workgroup of 64 threads for each tile of 32 queries; tiles of 32 keys.

struct Uniforms {
  batch: i32,
  heads: i32,
  kv_heads: i32,
  queries: i32,
  keys: i32,
  offset: i32,
  tiles: i32,
  scale: f32,
  write_lse: i32,
  slots: i32,
  busy: i32,
  least_share: i32,
  scalars: i32,
}

@group(0) @binding(0) var<uniform> u: Uniforms;
@group(0) @binding(1) var<storage, read> query: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> key: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> value: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> aux: array<u32>;
@group(0) @binding(5) var<storage, read_write> output: array<vec2<u32>>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

// [head dim][query / 4], scaled.
var<workgroup> q_tile: array<vec4<f32>, 128>;
// Keys of a chunk as [head dim][key / 4], then probabilities as [key][query / 4].
var<workgroup> kp_tile: array<vec4<f32>, 256>;
// One partial result per column of threads, as [thread column][query / 4].
var<workgroup> partial: array<vec4<f32>, 64>;

const MASKED = f32(-3e+38);

// What is to be done for a key tile.
const EMPTY = 0;
const FULL = 1;
const PARTIAL = 2;

fn unpack_half(words: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

// Computed by the host for each head.
fn scalar_of(h: i32, slot: i32) -> i32 {
  return bitcast<i32>(aux[u.scalars + h * 1 + slot]);
}

fn band_0(q: i32, k: i32, h: i32, kvh: i32, b: i32) -> vec2<i32> {
  return vec2<i32>(0, min(min((q + 1), select(64, u.keys, (scalar_of(h, 0) != 0))), u.keys));
}

fn band_1(q: i32, k: i32, h: i32, kvh: i32, b: i32) -> vec2<i32> {
  let chosen_0 = (scalar_of(h, 0) != 0);
  return vec2<i32>(select((q - 255), u.keys, chosen_0), min(min((q + 1), select(u.keys, 0, chosen_0)), u.keys));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = i32(workgroup.y * workgroups.x + workgroup.x);
  if (id >= u.tiles * u.heads * u.batch) {
    return;
  }
  // Tiles of a head one after another, the last first: those are the longest.
  let first_row = (u.tiles - 1 - id % u.tiles) * 32;
  let h = (id / u.tiles) % u.heads;
  let b = id / u.tiles / u.heads;
  let kvh = h / (u.heads / u.kv_heads);
  let q0 = u.offset + first_row;
  let q1 = u.offset + min(first_row + 32, u.queries) - 1;
  let query_base = (b * u.heads + h) * u.queries;
  let key_base = (b * u.kv_heads + kvh) * u.keys;
  let row_thread = i32(lane) / 8;
  let column_thread = i32(lane) % 8;
  // The first query row, group of four rows and key column of this thread, within the tile.
  let own_row = row_thread * 4;
  let own_group = row_thread * 1;
  let own_column = column_thread * 4;

  for (var i = i32(lane); i < 32; i += 64) {
    let group = i / 4;
    let dim = i % 4;
    let x0 = select(vec4<f32>(0.0), unpack_half(query[(query_base + min(first_row + group * 4, u.queries - 1)) * 4 + dim]), first_row + group * 4 < u.queries) * u.scale;
    let x1 = select(vec4<f32>(0.0), unpack_half(query[(query_base + min(first_row + group * 4 + 1, u.queries - 1)) * 4 + dim]), first_row + group * 4 + 1 < u.queries) * u.scale;
    let x2 = select(vec4<f32>(0.0), unpack_half(query[(query_base + min(first_row + group * 4 + 2, u.queries - 1)) * 4 + dim]), first_row + group * 4 + 2 < u.queries) * u.scale;
    let x3 = select(vec4<f32>(0.0), unpack_half(query[(query_base + min(first_row + group * 4 + 3, u.queries - 1)) * 4 + dim]), first_row + group * 4 + 3 < u.queries) * u.scale;
    q_tile[(dim * 4 + 0) * 8 + group] = vec4<f32>(x0.x, x1.x, x2.x, x3.x);
    q_tile[(dim * 4 + 1) * 8 + group] = vec4<f32>(x0.y, x1.y, x2.y, x3.y);
    q_tile[(dim * 4 + 2) * 8 + group] = vec4<f32>(x0.z, x1.z, x2.z, x3.z);
    q_tile[(dim * 4 + 3) * 8 + group] = vec4<f32>(x0.w, x1.w, x2.w, x3.w);
  }
  var m_0 = vec4<f32>(-1e+30);
  var l_0 = vec4<f32>(0.0);
  var o_0_0 = vec4<f32>(0.0);
  var o_1_0 = vec4<f32>(0.0);
  var o_2_0 = vec4<f32>(0.0);
  var o_3_0 = vec4<f32>(0.0);

  let t0 = (q1 + 1);
  let t1 = scalar_of(h, 0);
  let t2 = ((0 < t1) || (t1 < 0));
  let t3 = (t1 != 0);
  let t4 = (q0 + (-255));
  let t5 = ((t1 <= 0) && (0 <= t1));
  let first_key_0 = 0;
  let end_key_0 = min(min(t0, select(select(64, max(u.keys, 64), t3), u.keys, t2)), u.keys);
  let first_key_1 = max(select(select(t4, min(u.keys, t4), t3), u.keys, t2), 0);
  let end_key_1 = min(min(t0, select(u.keys, 0, t2)), u.keys);
  var first_tile: array<i32, 2>;
  var end_tile: array<i32, 2>;
  var ranges = 0;
  first_tile[ranges] = first_key_0 / 32;
  end_tile[ranges] = select(0, (end_key_0 + 31) / 32, first_key_0 < end_key_0);
  ranges += select(0, 1, first_tile[ranges] < end_tile[ranges]);
  first_tile[ranges] = first_key_1 / 32;
  end_tile[ranges] = select(0, (end_key_1 + 31) / 32, first_key_1 < end_key_1);
  ranges += select(0, 1, first_tile[ranges] < end_tile[ranges]);
  var range = 0;
  loop {
    let end = end_tile[range];
    // The run of tiles of a kind that is not worked off yet, up to `tile`, which is asked next.
    var tile = first_tile[range];
    var run = tile;
    var run_kind = EMPTY;
    loop {
      var kind = EMPTY;
      if (tile < end) {
        let k0 = tile * 32;
        let k1 = min(k0 + 32, u.keys) - 1;
        if (((k0 <= min(k1, q1)) && (t3 || (t5 && ((k0 < 64) || ((q0 - k1) < 256)))))) {
          // Ranges may overlap: a tile that an earlier one holds has been visited.
          var visited = false;
          for (var earlier = 0; earlier < range; earlier++) {
            visited = visited || (first_tile[earlier] <= tile && tile < end_tile[earlier]);
          }
          if (!visited) {
            kind = select(FULL, PARTIAL, (((q0 < k1) || (t5 && (max(k0, 64) <= min(k1, (q1 + (-256)))))) || (u.keys < (k0 + 32))));
          }
        }
      }
      if (kind != run_kind) {
        if (run_kind == FULL) {
          for (var own = run; own < tile; own++) {
            let k0 = own * 32;
            let k1 = min(k0 + 32, u.keys) - 1;
            var s_0_0 = vec4<f32>(0.0);
            var s_1_0 = vec4<f32>(0.0);
            var s_2_0 = vec4<f32>(0.0);
            var s_3_0 = vec4<f32>(0.0);
            workgroupBarrier();
            for (var i = i32(lane); i < 32; i += 64) {
              let group = i / 4;
              let dim = i % 4;
              let x0 = unpack_half(key[(key_base + k0 + group * 4) * 4 + dim]);
              let x1 = unpack_half(key[(key_base + k0 + group * 4 + 1) * 4 + dim]);
              let x2 = unpack_half(key[(key_base + k0 + group * 4 + 2) * 4 + dim]);
              let x3 = unpack_half(key[(key_base + k0 + group * 4 + 3) * 4 + dim]);
              kp_tile[(dim * 4 + 0) * 8 + group] = vec4<f32>(x0.x, x1.x, x2.x, x3.x);
              kp_tile[(dim * 4 + 1) * 8 + group] = vec4<f32>(x0.y, x1.y, x2.y, x3.y);
              kp_tile[(dim * 4 + 2) * 8 + group] = vec4<f32>(x0.z, x1.z, x2.z, x3.z);
              kp_tile[(dim * 4 + 3) * 8 + group] = vec4<f32>(x0.w, x1.w, x2.w, x3.w);
            }
            workgroupBarrier();
            for (var d = 0; d < 16; d++) {
              let q_0 = q_tile[d * 8 + own_group];
              let k_0 = kp_tile[d * 8 + own_column / 4];
              s_0_0 = fma(q_0, vec4<f32>(k_0.x), s_0_0);
              s_1_0 = fma(q_0, vec4<f32>(k_0.y), s_1_0);
              s_2_0 = fma(q_0, vec4<f32>(k_0.z), s_2_0);
              s_3_0 = fma(q_0, vec4<f32>(k_0.w), s_3_0);
            }
            var n_0 = max(max(max(s_0_0, s_1_0), s_2_0), s_3_0);
            partial[column_thread * 8 + own_group] = n_0;
            workgroupBarrier();
            n_0 = m_0;
            for (var i = 0; i < 8; i++) {
              n_0 = max(n_0, partial[i * 8 + own_group]);
            }
            let a_0 = exp2(m_0 - n_0);
            s_0_0 = exp2(s_0_0 - n_0);
            s_1_0 = exp2(s_1_0 - n_0);
            s_2_0 = exp2(s_2_0 - n_0);
            s_3_0 = exp2(s_3_0 - n_0);
            m_0 = n_0;
            l_0 *= a_0;
            l_0 += s_0_0 + s_1_0 + s_2_0 + s_3_0;
            o_0_0 *= a_0.x;
            o_1_0 *= a_0.y;
            o_2_0 *= a_0.z;
            o_3_0 *= a_0.w;
            kp_tile[(own_column) * 8 + own_group] = s_0_0;
            kp_tile[(own_column + 1) * 8 + own_group] = s_1_0;
            kp_tile[(own_column + 2) * 8 + own_group] = s_2_0;
            kp_tile[(own_column + 3) * 8 + own_group] = s_3_0;
            workgroupBarrier();
            for (var j = 0; j < 32; j++) {
              let p_0 = kp_tile[j * 8 + own_group];
              let row = (key_base + k0 + j) * 4;
              let v_0 = unpack_half(value[row + min(column_thread, 3)]);
              o_0_0 = fma(vec4<f32>(p_0.x), v_0, o_0_0);
              o_1_0 = fma(vec4<f32>(p_0.y), v_0, o_1_0);
              o_2_0 = fma(vec4<f32>(p_0.z), v_0, o_2_0);
              o_3_0 = fma(vec4<f32>(p_0.w), v_0, o_3_0);
            }
          }
        }
        if (run_kind == PARTIAL) {
          for (var own = run; own < tile; own++) {
            let k0 = own * 32;
            let k1 = min(k0 + 32, u.keys) - 1;
            var s_0_0 = vec4<f32>(0.0);
            var s_1_0 = vec4<f32>(0.0);
            var s_2_0 = vec4<f32>(0.0);
            var s_3_0 = vec4<f32>(0.0);
            workgroupBarrier();
            for (var i = i32(lane); i < 32; i += 64) {
              let group = i / 4;
              let dim = i % 4;
              let x0 = select(vec4<f32>(0.0), unpack_half(key[(key_base + min(k0 + group * 4, u.keys - 1)) * 4 + dim]), k0 + group * 4 < u.keys);
              let x1 = select(vec4<f32>(0.0), unpack_half(key[(key_base + min(k0 + group * 4 + 1, u.keys - 1)) * 4 + dim]), k0 + group * 4 + 1 < u.keys);
              let x2 = select(vec4<f32>(0.0), unpack_half(key[(key_base + min(k0 + group * 4 + 2, u.keys - 1)) * 4 + dim]), k0 + group * 4 + 2 < u.keys);
              let x3 = select(vec4<f32>(0.0), unpack_half(key[(key_base + min(k0 + group * 4 + 3, u.keys - 1)) * 4 + dim]), k0 + group * 4 + 3 < u.keys);
              kp_tile[(dim * 4 + 0) * 8 + group] = vec4<f32>(x0.x, x1.x, x2.x, x3.x);
              kp_tile[(dim * 4 + 1) * 8 + group] = vec4<f32>(x0.y, x1.y, x2.y, x3.y);
              kp_tile[(dim * 4 + 2) * 8 + group] = vec4<f32>(x0.z, x1.z, x2.z, x3.z);
              kp_tile[(dim * 4 + 3) * 8 + group] = vec4<f32>(x0.w, x1.w, x2.w, x3.w);
            }
            workgroupBarrier();
            for (var d = 0; d < 16; d++) {
              let q_0 = q_tile[d * 8 + own_group];
              let k_0 = kp_tile[d * 8 + own_column / 4];
              s_0_0 = fma(q_0, vec4<f32>(k_0.x), s_0_0);
              s_1_0 = fma(q_0, vec4<f32>(k_0.y), s_1_0);
              s_2_0 = fma(q_0, vec4<f32>(k_0.z), s_2_0);
              s_3_0 = fma(q_0, vec4<f32>(k_0.w), s_3_0);
            }
            let band_0_0 = band_0(q0 + own_row, k0, h, kvh, b);
            let band_0_1 = band_0(q0 + own_row + 1, k0, h, kvh, b);
            let band_0_2 = band_0(q0 + own_row + 2, k0, h, kvh, b);
            let band_0_3 = band_0(q0 + own_row + 3, k0, h, kvh, b);
            let low_0_0 = vec4<i32>(band_0_0.x, band_0_1.x, band_0_2.x, band_0_3.x);
            let high_0_0 = vec4<i32>(band_0_0.y, band_0_1.y, band_0_2.y, band_0_3.y);
            let band_1_0 = band_1(q0 + own_row, k0, h, kvh, b);
            let band_1_1 = band_1(q0 + own_row + 1, k0, h, kvh, b);
            let band_1_2 = band_1(q0 + own_row + 2, k0, h, kvh, b);
            let band_1_3 = band_1(q0 + own_row + 3, k0, h, kvh, b);
            let low_1_0 = vec4<i32>(band_1_0.x, band_1_1.x, band_1_2.x, band_1_3.x);
            let high_1_0 = vec4<i32>(band_1_0.y, band_1_1.y, band_1_2.y, band_1_3.y);
            let key_of_0 = vec4<i32>(k0 + own_column);
            s_0_0 = select(vec4<f32>(MASKED), s_0_0, ((low_0_0 <= key_of_0) & (key_of_0 < high_0_0)) | ((low_1_0 <= key_of_0) & (key_of_0 < high_1_0)));
            let key_of_1 = vec4<i32>(k0 + own_column + 1);
            s_1_0 = select(vec4<f32>(MASKED), s_1_0, ((low_0_0 <= key_of_1) & (key_of_1 < high_0_0)) | ((low_1_0 <= key_of_1) & (key_of_1 < high_1_0)));
            let key_of_2 = vec4<i32>(k0 + own_column + 2);
            s_2_0 = select(vec4<f32>(MASKED), s_2_0, ((low_0_0 <= key_of_2) & (key_of_2 < high_0_0)) | ((low_1_0 <= key_of_2) & (key_of_2 < high_1_0)));
            let key_of_3 = vec4<i32>(k0 + own_column + 3);
            s_3_0 = select(vec4<f32>(MASKED), s_3_0, ((low_0_0 <= key_of_3) & (key_of_3 < high_0_0)) | ((low_1_0 <= key_of_3) & (key_of_3 < high_1_0)));
            var n_0 = max(max(max(s_0_0, s_1_0), s_2_0), s_3_0);
            partial[column_thread * 8 + own_group] = n_0;
            workgroupBarrier();
            n_0 = m_0;
            for (var i = 0; i < 8; i++) {
              n_0 = max(n_0, partial[i * 8 + own_group]);
            }
            let a_0 = exp2(m_0 - n_0);
            s_0_0 = exp2(s_0_0 - n_0);
            s_1_0 = exp2(s_1_0 - n_0);
            s_2_0 = exp2(s_2_0 - n_0);
            s_3_0 = exp2(s_3_0 - n_0);
            m_0 = n_0;
            l_0 *= a_0;
            l_0 += s_0_0 + s_1_0 + s_2_0 + s_3_0;
            o_0_0 *= a_0.x;
            o_1_0 *= a_0.y;
            o_2_0 *= a_0.z;
            o_3_0 *= a_0.w;
            kp_tile[(own_column) * 8 + own_group] = s_0_0;
            kp_tile[(own_column + 1) * 8 + own_group] = s_1_0;
            kp_tile[(own_column + 2) * 8 + own_group] = s_2_0;
            kp_tile[(own_column + 3) * 8 + own_group] = s_3_0;
            workgroupBarrier();
            let keys_here = min(32, u.keys - k0);
            for (var j = 0; j < keys_here; j++) {
              let p_0 = kp_tile[j * 8 + own_group];
              let row = (key_base + k0 + j) * 4;
              let v_0 = unpack_half(value[row + min(column_thread, 3)]);
              o_0_0 = fma(vec4<f32>(p_0.x), v_0, o_0_0);
              o_1_0 = fma(vec4<f32>(p_0.y), v_0, o_1_0);
              o_2_0 = fma(vec4<f32>(p_0.z), v_0, o_2_0);
              o_3_0 = fma(vec4<f32>(p_0.w), v_0, o_3_0);
            }
          }
        }
        run = tile;
        run_kind = kind;
      }
      if (tile >= end) {
        break;
      }
      tile += 1;
    }
    continuing {
      range++;
      break if range >= ranges;
    }
  }

  workgroupBarrier();
  partial[column_thread * 8 + own_group] = l_0;
  workgroupBarrier();
  l_0 = vec4<f32>(0.0);
  for (var i = 0; i < 8; i++) {
    l_0 += partial[i * 8 + own_group];
  }
  let inverse_0 = select(1.0 / select(l_0, vec4<f32>(1.0), l_0 == vec4<f32>(0.0)), vec4<f32>(0.0), l_0 == vec4<f32>(0.0));
  o_0_0 *= inverse_0.x;
  o_1_0 *= inverse_0.y;
  o_2_0 *= inverse_0.z;
  o_3_0 *= inverse_0.w;
  if (first_row + own_row < u.queries) {
    let row = (query_base + first_row + own_row) * 4;
    if (column_thread < 4) {
      output[row + column_thread] = vec2<u32>(pack2x16float(o_0_0.xy), pack2x16float(o_0_0.zw));
    }
  }
  if (first_row + own_row + 1 < u.queries) {
    let row = (query_base + first_row + own_row + 1) * 4;
    if (column_thread < 4) {
      output[row + column_thread] = vec2<u32>(pack2x16float(o_1_0.xy), pack2x16float(o_1_0.zw));
    }
  }
  if (first_row + own_row + 2 < u.queries) {
    let row = (query_base + first_row + own_row + 2) * 4;
    if (column_thread < 4) {
      output[row + column_thread] = vec2<u32>(pack2x16float(o_2_0.xy), pack2x16float(o_2_0.zw));
    }
  }
  if (first_row + own_row + 3 < u.queries) {
    let row = (query_base + first_row + own_row + 3) * 4;
    if (column_thread < 4) {
      output[row + column_thread] = vec2<u32>(pack2x16float(o_3_0.xy), pack2x16float(o_3_0.zw));
    }
  }
  if (u.write_lse != 0 && column_thread == 0) {
    // Minus infinity has no literal.
    var minus_infinity = 0xff800000u;
    if (first_row + own_row < u.queries) {
      lse[query_base + first_row + own_row] = select(0.6931471805599453 * (m_0.x + log2(l_0.x)), bitcast<f32>(minus_infinity), l_0.x == 0.0);
    }
    if (first_row + own_row + 1 < u.queries) {
      lse[query_base + first_row + own_row + 1] = select(0.6931471805599453 * (m_0.y + log2(l_0.y)), bitcast<f32>(minus_infinity), l_0.y == 0.0);
    }
    if (first_row + own_row + 2 < u.queries) {
      lse[query_base + first_row + own_row + 2] = select(0.6931471805599453 * (m_0.z + log2(l_0.z)), bitcast<f32>(minus_infinity), l_0.z == 0.0);
    }
    if (first_row + own_row + 3 < u.queries) {
      lse[query_base + first_row + own_row + 3] = select(0.6931471805599453 * (m_0.w + log2(l_0.w)), bitcast<f32>(minus_infinity), l_0.w == 0.0);
    }
  }
}
