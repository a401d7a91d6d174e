// vertical_slash (std/caller_maps.attn:5), head dim 16, value dim 16, f32-software.
// One workgroup of 16 threads for each tile of 32 queries; tiles of 32 keys.

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
  in_cols_base: i32,
  in_cols_batchStride: i32,
  in_cols_headCount: i32,
  in_cols_headStride: i32,
  in_cols_rowStride: i32,
  in_cols_rows: i32,
  in_cols_columns: i32,
  in_cols_list: i32,
  in_cols_listBatchStride: i32,
  in_cols_listStride: i32,
  in_diags_base: i32,
  in_diags_batchStride: i32,
  in_diags_headCount: i32,
  in_diags_headStride: i32,
  in_diags_rowStride: i32,
  in_diags_rows: i32,
  in_diags_columns: i32,
}

@group(0) @binding(0) var<uniform> u: Uniforms;
@group(0) @binding(1) var<storage, read> query: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> key: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> value: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> aux: array<u32>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

// [head dim][query / 4], scaled.
var<workgroup> q_tile: array<vec4<f32>, 128>;
// Keys of a chunk as [head dim][key / 4], then probabilities as [key][query / 4].
var<workgroup> kp_tile: array<vec4<f32>, 256>;
// One partial result per column of threads, as [thread column][query / 4].
var<workgroup> partial: array<vec4<f32>, 32>;
// Where the keys of the tile are.
var<workgroup> key_rows: array<i32, 32>;

const MASKED = f32(-3e+38);

fn span_at(tile: i32) -> i32 {
  return select(select(1, 32, tile % 32 == 0), 1024, tile % 1024 == 0);
}

// Where the list is: how many keys it has, and behind that the keys, rising.
fn list_cols(b: i32, h: i32) -> i32 {
  return u.in_cols_list + b * u.in_cols_listBatchStride + (h * u.in_cols_headCount / u.heads) * u.in_cols_listStride;
}

// The bits of word i that belong to columns first to last.
fn word_mask(i: i32, first: i32, last: i32) -> u32 {
  let low = u32(max(first - i * 32, 0));
  let high = u32(min(last - i * 32, 31));
  return (0xffffffffu << low) & (0xffffffffu >> (31u - high));
}

fn bit_diags(b: i32, h: i32, row: i32, column: i32) -> bool {
  if (row < 0 || row >= u.in_diags_rows || column < 0 || column >= u.in_diags_columns) {
    return false;
  }
  let word = aux[u.in_diags_base + b * u.in_diags_batchStride + (h * u.in_diags_headCount / u.heads) * u.in_diags_headStride + row * u.in_diags_rowStride + (column >> 5u)];
  return ((word >> u32(column & 31)) & 1u) != 0u;
}

fn any_diags(b: i32, h: i32, row0: i32, row1: i32, column0: i32, column1: i32) -> bool {
  let first = max(column0, 0);
  let last = min(column1, u.in_diags_columns - 1);
  if (first > last) {
    return false;
  }
  let base = u.in_diags_base + b * u.in_diags_batchStride + (h * u.in_diags_headCount / u.heads) * u.in_diags_headStride;
  for (var row = max(row0, 0); row <= min(row1, u.in_diags_rows - 1); row++) {
    for (var i = first >> 5u; i <= last >> 5u; i++) {
      if ((aux[base + row * u.in_diags_rowStride + i] & word_mask(i, first, last)) != 0u) {
        return true;
      }
    }
  }
  return false;
}

fn all_diags(b: i32, h: i32, row0: i32, row1: i32, column0: i32, column1: i32) -> bool {
  if (row0 < 0 || row1 >= u.in_diags_rows || column0 < 0 || column1 >= u.in_diags_columns) {
    return false;
  }
  let base = u.in_diags_base + b * u.in_diags_batchStride + (h * u.in_diags_headCount / u.heads) * u.in_diags_headStride;
  for (var row = row0; row <= row1; row++) {
    for (var i = column0 >> 5u; i <= column1 >> 5u; i++) {
      let wanted = word_mask(i, column0, column1);
      if ((aux[base + row * u.in_diags_rowStride + i] & wanted) != wanted) {
        return false;
      }
    }
  }
  return true;
}

fn listed_key(list: i32, place: i32) -> i32 {
  return i32(aux[list + 1 + place]);
}

// One bit for each pair of 8 queries and 4 keys.
fn looks_at(first_q: i32, first_k: i32, h: i32, kvh: i32, b: i32) -> u32 {
  var found = 0u;
  for (var c = 0; c < 4; c++) {
    let k = first_k + c;
    for (var r = 0; r < 8; r++) {
      let q = first_q + r;
      found |= select(0u, 1u, k < u.keys && ((k <= q) && bit_diags(b, h, 0, ((q - k) + (u.keys - 1))))) << u32(c * 8 + r);
    }
  }
  return found;
}

// One bit for each pair of 8 queries and 4 keys.
fn looks_at_in_cols(first_q: i32, first_place: i32, list: i32, places: i32, h: i32, kvh: i32, b: i32) -> u32 {
  var found = 0u;
  for (var c = 0; c < 4; c++) {
    let place = first_place + c;
    let k = listed_key(list, place);
    for (var r = 0; r < 8; r++) {
      let q = first_q + r;
      found |= select(0u, 1u, place < places && ((k <= q) && ((q < k) || !bit_diags(b, h, 0, ((q - k) + (u.keys - 1)))))) << u32(c * 8 + r);
    }
  }
  return found;
}

@compute @workgroup_size(16)
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
  let row_thread = i32(lane) / 4;
  let column_thread = i32(lane) % 4;
  // The first query row, group of four rows and key column of this thread, within the tile.
  let own_row = row_thread * 8;
  let own_group = row_thread * 2;
  let own_column = column_thread * 8;

  for (var i = i32(lane); i < 32; i += 16) {
    let group = i / 4;
    let dim = i % 4;
    let x0 = select(vec4<f32>(0.0), query[(query_base + min(first_row + group * 4, u.queries - 1)) * 4 + dim], first_row + group * 4 < u.queries) * u.scale;
    let x1 = select(vec4<f32>(0.0), query[(query_base + min(first_row + group * 4 + 1, u.queries - 1)) * 4 + dim], first_row + group * 4 + 1 < u.queries) * u.scale;
    let x2 = select(vec4<f32>(0.0), query[(query_base + min(first_row + group * 4 + 2, u.queries - 1)) * 4 + dim], first_row + group * 4 + 2 < u.queries) * u.scale;
    let x3 = select(vec4<f32>(0.0), query[(query_base + min(first_row + group * 4 + 3, u.queries - 1)) * 4 + dim], first_row + group * 4 + 3 < u.queries) * u.scale;
    q_tile[(dim * 4 + 0) * 8 + group] = vec4<f32>(x0.x, x1.x, x2.x, x3.x);
    q_tile[(dim * 4 + 1) * 8 + group] = vec4<f32>(x0.y, x1.y, x2.y, x3.y);
    q_tile[(dim * 4 + 2) * 8 + group] = vec4<f32>(x0.z, x1.z, x2.z, x3.z);
    q_tile[(dim * 4 + 3) * 8 + group] = vec4<f32>(x0.w, x1.w, x2.w, x3.w);
  }
  var m_0 = vec4<f32>(-1e+30);
  var m_1 = vec4<f32>(-1e+30);
  var l_0 = vec4<f32>(0.0);
  var l_1 = vec4<f32>(0.0);
  var o_0_0 = vec4<f32>(0.0);
  var o_1_0 = vec4<f32>(0.0);
  var o_2_0 = vec4<f32>(0.0);
  var o_3_0 = vec4<f32>(0.0);
  var o_4_0 = vec4<f32>(0.0);
  var o_5_0 = vec4<f32>(0.0);
  var o_6_0 = vec4<f32>(0.0);
  var o_7_0 = vec4<f32>(0.0);

  let first_key = 0;
  let end_key = min((q1 + 1), u.keys);
  let end = select(0, (end_key + 31) / 32, first_key < end_key);
  var tile = first_key / 32;
  loop {
    // Empty blocks of tiles are passed over as a whole.
    var span = span_at(tile);
    loop {
      if (tile >= end) {
        break;
      }
      let k0 = tile * 32;
      let k1 = min(k0 + span * 32, u.keys) - 1;
      let t0 = (k0 <= min(k1, q1));
      let t1 = (((q0 - k1) + u.keys) + (-1));
      let t2 = (((q1 - k0) + u.keys) + (-1));
      let t3 = (t0 && any_diags(b, h, 0, 0, t1, t2));
      if (t3) {
        if (span == 1) {
          break;
        }
        span = select(select(1, 32, span == 1024), 1, span == 32);
      }
      else {
        tile += span;
        span = span_at(tile);
      }
    }
    if (tile >= end) {
      break;
    }
    let k0 = tile * 32;
    let k1 = min(k0 + 32, u.keys) - 1;
    let t4 = (q0 < k1);
    let t5 = (((q0 - k1) + u.keys) + (-1));
    let t6 = (((q1 - k0) + u.keys) + (-1));
    let t7 = (t4 || !(all_diags(b, h, 0, 0, t5, t6)));
    let masked = (t7 || (u.keys < (k0 + 32)));
    var s_0_0 = vec4<f32>(0.0);
    var s_0_1 = vec4<f32>(0.0);
    var s_1_0 = vec4<f32>(0.0);
    var s_1_1 = vec4<f32>(0.0);
    var s_2_0 = vec4<f32>(0.0);
    var s_2_1 = vec4<f32>(0.0);
    var s_3_0 = vec4<f32>(0.0);
    var s_3_1 = vec4<f32>(0.0);
    var s_4_0 = vec4<f32>(0.0);
    var s_4_1 = vec4<f32>(0.0);
    var s_5_0 = vec4<f32>(0.0);
    var s_5_1 = vec4<f32>(0.0);
    var s_6_0 = vec4<f32>(0.0);
    var s_6_1 = vec4<f32>(0.0);
    var s_7_0 = vec4<f32>(0.0);
    var s_7_1 = vec4<f32>(0.0);
    workgroupBarrier();
    for (var i = i32(lane); i < 32; i += 16) {
      let group = i / 4;
      let dim = i % 4;
      let x0 = select(vec4<f32>(0.0), key[(key_base + min(k0 + group * 4, u.keys - 1)) * 4 + dim], k0 + group * 4 < u.keys);
      let x1 = select(vec4<f32>(0.0), key[(key_base + min(k0 + group * 4 + 1, u.keys - 1)) * 4 + dim], k0 + group * 4 + 1 < u.keys);
      let x2 = select(vec4<f32>(0.0), key[(key_base + min(k0 + group * 4 + 2, u.keys - 1)) * 4 + dim], k0 + group * 4 + 2 < u.keys);
      let x3 = select(vec4<f32>(0.0), key[(key_base + min(k0 + group * 4 + 3, u.keys - 1)) * 4 + dim], k0 + group * 4 + 3 < u.keys);
      kp_tile[(dim * 4 + 0) * 8 + group] = vec4<f32>(x0.x, x1.x, x2.x, x3.x);
      kp_tile[(dim * 4 + 1) * 8 + group] = vec4<f32>(x0.y, x1.y, x2.y, x3.y);
      kp_tile[(dim * 4 + 2) * 8 + group] = vec4<f32>(x0.z, x1.z, x2.z, x3.z);
      kp_tile[(dim * 4 + 3) * 8 + group] = vec4<f32>(x0.w, x1.w, x2.w, x3.w);
    }
    workgroupBarrier();
    for (var d = 0; d < 16; d++) {
      let q_0 = q_tile[d * 8 + own_group];
      let q_1 = q_tile[d * 8 + own_group + 1];
      let k_0 = kp_tile[d * 8 + own_column / 4];
      let k_1 = kp_tile[d * 8 + own_column / 4 + 1];
      s_0_0 = fma(q_0, vec4<f32>(k_0.x), s_0_0);
      s_0_1 = fma(q_1, vec4<f32>(k_0.x), s_0_1);
      s_1_0 = fma(q_0, vec4<f32>(k_0.y), s_1_0);
      s_1_1 = fma(q_1, vec4<f32>(k_0.y), s_1_1);
      s_2_0 = fma(q_0, vec4<f32>(k_0.z), s_2_0);
      s_2_1 = fma(q_1, vec4<f32>(k_0.z), s_2_1);
      s_3_0 = fma(q_0, vec4<f32>(k_0.w), s_3_0);
      s_3_1 = fma(q_1, vec4<f32>(k_0.w), s_3_1);
      s_4_0 = fma(q_0, vec4<f32>(k_1.x), s_4_0);
      s_4_1 = fma(q_1, vec4<f32>(k_1.x), s_4_1);
      s_5_0 = fma(q_0, vec4<f32>(k_1.y), s_5_0);
      s_5_1 = fma(q_1, vec4<f32>(k_1.y), s_5_1);
      s_6_0 = fma(q_0, vec4<f32>(k_1.z), s_6_0);
      s_6_1 = fma(q_1, vec4<f32>(k_1.z), s_6_1);
      s_7_0 = fma(q_0, vec4<f32>(k_1.w), s_7_0);
      s_7_1 = fma(q_1, vec4<f32>(k_1.w), s_7_1);
    }
    if (masked) {
      let looks_0 = looks_at(q0 + own_row, k0 + own_column, h, kvh, b);
      let looks_1 = looks_at(q0 + own_row, k0 + own_column + 4, h, kvh, b);
      s_0_0 = select(vec4<f32>(MASKED), s_0_0, (vec4<u32>(looks_0) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u));
      s_0_1 = select(vec4<f32>(MASKED), s_0_1, (vec4<u32>(looks_0) & vec4<u32>(16u, 32u, 64u, 128u)) != vec4<u32>(0u));
      s_1_0 = select(vec4<f32>(MASKED), s_1_0, (vec4<u32>(looks_0) & vec4<u32>(256u, 512u, 1024u, 2048u)) != vec4<u32>(0u));
      s_1_1 = select(vec4<f32>(MASKED), s_1_1, (vec4<u32>(looks_0) & vec4<u32>(4096u, 8192u, 16384u, 32768u)) != vec4<u32>(0u));
      s_2_0 = select(vec4<f32>(MASKED), s_2_0, (vec4<u32>(looks_0) & vec4<u32>(65536u, 131072u, 262144u, 524288u)) != vec4<u32>(0u));
      s_2_1 = select(vec4<f32>(MASKED), s_2_1, (vec4<u32>(looks_0) & vec4<u32>(1048576u, 2097152u, 4194304u, 8388608u)) != vec4<u32>(0u));
      s_3_0 = select(vec4<f32>(MASKED), s_3_0, (vec4<u32>(looks_0) & vec4<u32>(16777216u, 33554432u, 67108864u, 134217728u)) != vec4<u32>(0u));
      s_3_1 = select(vec4<f32>(MASKED), s_3_1, (vec4<u32>(looks_0) & vec4<u32>(268435456u, 536870912u, 1073741824u, 2147483648u)) != vec4<u32>(0u));
      s_4_0 = select(vec4<f32>(MASKED), s_4_0, (vec4<u32>(looks_1) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u));
      s_4_1 = select(vec4<f32>(MASKED), s_4_1, (vec4<u32>(looks_1) & vec4<u32>(16u, 32u, 64u, 128u)) != vec4<u32>(0u));
      s_5_0 = select(vec4<f32>(MASKED), s_5_0, (vec4<u32>(looks_1) & vec4<u32>(256u, 512u, 1024u, 2048u)) != vec4<u32>(0u));
      s_5_1 = select(vec4<f32>(MASKED), s_5_1, (vec4<u32>(looks_1) & vec4<u32>(4096u, 8192u, 16384u, 32768u)) != vec4<u32>(0u));
      s_6_0 = select(vec4<f32>(MASKED), s_6_0, (vec4<u32>(looks_1) & vec4<u32>(65536u, 131072u, 262144u, 524288u)) != vec4<u32>(0u));
      s_6_1 = select(vec4<f32>(MASKED), s_6_1, (vec4<u32>(looks_1) & vec4<u32>(1048576u, 2097152u, 4194304u, 8388608u)) != vec4<u32>(0u));
      s_7_0 = select(vec4<f32>(MASKED), s_7_0, (vec4<u32>(looks_1) & vec4<u32>(16777216u, 33554432u, 67108864u, 134217728u)) != vec4<u32>(0u));
      s_7_1 = select(vec4<f32>(MASKED), s_7_1, (vec4<u32>(looks_1) & vec4<u32>(268435456u, 536870912u, 1073741824u, 2147483648u)) != vec4<u32>(0u));
    }
    var n_0 = max(max(max(max(max(max(max(s_0_0, s_1_0), s_2_0), s_3_0), s_4_0), s_5_0), s_6_0), s_7_0);
    var n_1 = max(max(max(max(max(max(max(s_0_1, s_1_1), s_2_1), s_3_1), s_4_1), s_5_1), s_6_1), s_7_1);
    partial[column_thread * 8 + own_group] = n_0;
    partial[column_thread * 8 + own_group + 1] = n_1;
    workgroupBarrier();
    n_0 = m_0;
    n_1 = m_1;
    for (var i = 0; i < 4; i++) {
      n_0 = max(n_0, partial[i * 8 + own_group]);
      n_1 = max(n_1, partial[i * 8 + own_group + 1]);
    }
    let a_0 = exp2(m_0 - n_0);
    let a_1 = exp2(m_1 - n_1);
    s_0_0 = exp2(s_0_0 - n_0);
    s_0_1 = exp2(s_0_1 - n_1);
    s_1_0 = exp2(s_1_0 - n_0);
    s_1_1 = exp2(s_1_1 - n_1);
    s_2_0 = exp2(s_2_0 - n_0);
    s_2_1 = exp2(s_2_1 - n_1);
    s_3_0 = exp2(s_3_0 - n_0);
    s_3_1 = exp2(s_3_1 - n_1);
    s_4_0 = exp2(s_4_0 - n_0);
    s_4_1 = exp2(s_4_1 - n_1);
    s_5_0 = exp2(s_5_0 - n_0);
    s_5_1 = exp2(s_5_1 - n_1);
    s_6_0 = exp2(s_6_0 - n_0);
    s_6_1 = exp2(s_6_1 - n_1);
    s_7_0 = exp2(s_7_0 - n_0);
    s_7_1 = exp2(s_7_1 - n_1);
    m_0 = n_0;
    m_1 = n_1;
    l_0 *= a_0;
    l_1 *= a_1;
    l_0 += s_0_0 + s_1_0 + s_2_0 + s_3_0 + s_4_0 + s_5_0 + s_6_0 + s_7_0;
    l_1 += s_0_1 + s_1_1 + s_2_1 + s_3_1 + s_4_1 + s_5_1 + s_6_1 + s_7_1;
    o_0_0 *= a_0.x;
    o_1_0 *= a_0.y;
    o_2_0 *= a_0.z;
    o_3_0 *= a_0.w;
    o_4_0 *= a_1.x;
    o_5_0 *= a_1.y;
    o_6_0 *= a_1.z;
    o_7_0 *= a_1.w;
    kp_tile[(own_column) * 8 + own_group] = s_0_0;
    kp_tile[(own_column) * 8 + own_group + 1] = s_0_1;
    kp_tile[(own_column + 1) * 8 + own_group] = s_1_0;
    kp_tile[(own_column + 1) * 8 + own_group + 1] = s_1_1;
    kp_tile[(own_column + 2) * 8 + own_group] = s_2_0;
    kp_tile[(own_column + 2) * 8 + own_group + 1] = s_2_1;
    kp_tile[(own_column + 3) * 8 + own_group] = s_3_0;
    kp_tile[(own_column + 3) * 8 + own_group + 1] = s_3_1;
    kp_tile[(own_column + 4) * 8 + own_group] = s_4_0;
    kp_tile[(own_column + 4) * 8 + own_group + 1] = s_4_1;
    kp_tile[(own_column + 5) * 8 + own_group] = s_5_0;
    kp_tile[(own_column + 5) * 8 + own_group + 1] = s_5_1;
    kp_tile[(own_column + 6) * 8 + own_group] = s_6_0;
    kp_tile[(own_column + 6) * 8 + own_group + 1] = s_6_1;
    kp_tile[(own_column + 7) * 8 + own_group] = s_7_0;
    kp_tile[(own_column + 7) * 8 + own_group + 1] = s_7_1;
    workgroupBarrier();
    let keys_here = min(32, u.keys - k0);
    for (var j = 0; j < keys_here; j++) {
      let p_0 = kp_tile[j * 8 + own_group];
      let p_1 = kp_tile[j * 8 + own_group + 1];
      let row = (key_base + k0 + j) * 4;
      let v_0 = value[row + column_thread];
      o_0_0 = fma(vec4<f32>(p_0.x), v_0, o_0_0);
      o_1_0 = fma(vec4<f32>(p_0.y), v_0, o_1_0);
      o_2_0 = fma(vec4<f32>(p_0.z), v_0, o_2_0);
      o_3_0 = fma(vec4<f32>(p_0.w), v_0, o_3_0);
      o_4_0 = fma(vec4<f32>(p_1.x), v_0, o_4_0);
      o_5_0 = fma(vec4<f32>(p_1.y), v_0, o_5_0);
      o_6_0 = fma(vec4<f32>(p_1.z), v_0, o_6_0);
      o_7_0 = fma(vec4<f32>(p_1.w), v_0, o_7_0);
    }
    continuing {
      tile++;
    }
  }

  {
    // Keys of cols, side by side wherever they stand.
    let list = list_cols(b, h);
    let places = i32(aux[list]);
    let end = (places + 31) / 32;
    for (var tile = 0; tile < end; tile++) {
      let place = tile * 32;
      let last_place = min(place + 32, places) - 1;
      let k0 = listed_key(list, place);
      let k1 = listed_key(list, last_place);
      let t8 = (k0 <= min(k1, q1));
      let t9 = (q0 < k1);
      let t10 = (((q0 - k1) + u.keys) + (-1));
      let t11 = (((q1 - k0) + u.keys) + (-1));
      let t12 = (t9 || !(all_diags(b, h, 0, 0, t10, t11)));
      if (!((t8 && t12))) {
        continue;
      }
      let t13 = (t8 && any_diags(b, h, 0, 0, t10, t11));
      let masked = ((t9 || t13) || (places < (place + 32)));
      workgroupBarrier();
      for (var i = i32(lane); i < 32; i += 16) {
        key_rows[i] = listed_key(list, min(place + i, places - 1));
      }
      var s_0_0 = vec4<f32>(0.0);
      var s_0_1 = vec4<f32>(0.0);
      var s_1_0 = vec4<f32>(0.0);
      var s_1_1 = vec4<f32>(0.0);
      var s_2_0 = vec4<f32>(0.0);
      var s_2_1 = vec4<f32>(0.0);
      var s_3_0 = vec4<f32>(0.0);
      var s_3_1 = vec4<f32>(0.0);
      var s_4_0 = vec4<f32>(0.0);
      var s_4_1 = vec4<f32>(0.0);
      var s_5_0 = vec4<f32>(0.0);
      var s_5_1 = vec4<f32>(0.0);
      var s_6_0 = vec4<f32>(0.0);
      var s_6_1 = vec4<f32>(0.0);
      var s_7_0 = vec4<f32>(0.0);
      var s_7_1 = vec4<f32>(0.0);
      workgroupBarrier();
      for (var i = i32(lane); i < 32; i += 16) {
        let group = i / 4;
        let dim = i % 4;
        let x0 = select(vec4<f32>(0.0), key[(key_base + key_rows[group * 4]) * 4 + dim], place + group * 4 < places);
        let x1 = select(vec4<f32>(0.0), key[(key_base + key_rows[group * 4 + 1]) * 4 + dim], place + group * 4 + 1 < places);
        let x2 = select(vec4<f32>(0.0), key[(key_base + key_rows[group * 4 + 2]) * 4 + dim], place + group * 4 + 2 < places);
        let x3 = select(vec4<f32>(0.0), key[(key_base + key_rows[group * 4 + 3]) * 4 + dim], place + group * 4 + 3 < places);
        kp_tile[(dim * 4 + 0) * 8 + group] = vec4<f32>(x0.x, x1.x, x2.x, x3.x);
        kp_tile[(dim * 4 + 1) * 8 + group] = vec4<f32>(x0.y, x1.y, x2.y, x3.y);
        kp_tile[(dim * 4 + 2) * 8 + group] = vec4<f32>(x0.z, x1.z, x2.z, x3.z);
        kp_tile[(dim * 4 + 3) * 8 + group] = vec4<f32>(x0.w, x1.w, x2.w, x3.w);
      }
      workgroupBarrier();
      for (var d = 0; d < 16; d++) {
        let q_0 = q_tile[d * 8 + own_group];
        let q_1 = q_tile[d * 8 + own_group + 1];
        let k_0 = kp_tile[d * 8 + own_column / 4];
        let k_1 = kp_tile[d * 8 + own_column / 4 + 1];
        s_0_0 = fma(q_0, vec4<f32>(k_0.x), s_0_0);
        s_0_1 = fma(q_1, vec4<f32>(k_0.x), s_0_1);
        s_1_0 = fma(q_0, vec4<f32>(k_0.y), s_1_0);
        s_1_1 = fma(q_1, vec4<f32>(k_0.y), s_1_1);
        s_2_0 = fma(q_0, vec4<f32>(k_0.z), s_2_0);
        s_2_1 = fma(q_1, vec4<f32>(k_0.z), s_2_1);
        s_3_0 = fma(q_0, vec4<f32>(k_0.w), s_3_0);
        s_3_1 = fma(q_1, vec4<f32>(k_0.w), s_3_1);
        s_4_0 = fma(q_0, vec4<f32>(k_1.x), s_4_0);
        s_4_1 = fma(q_1, vec4<f32>(k_1.x), s_4_1);
        s_5_0 = fma(q_0, vec4<f32>(k_1.y), s_5_0);
        s_5_1 = fma(q_1, vec4<f32>(k_1.y), s_5_1);
        s_6_0 = fma(q_0, vec4<f32>(k_1.z), s_6_0);
        s_6_1 = fma(q_1, vec4<f32>(k_1.z), s_6_1);
        s_7_0 = fma(q_0, vec4<f32>(k_1.w), s_7_0);
        s_7_1 = fma(q_1, vec4<f32>(k_1.w), s_7_1);
      }
      if (masked) {
        let looks_0 = looks_at_in_cols(q0 + own_row, place + own_column, list, places, h, kvh, b);
        let looks_1 = looks_at_in_cols(q0 + own_row, place + own_column + 4, list, places, h, kvh, b);
        s_0_0 = select(vec4<f32>(MASKED), s_0_0, (vec4<u32>(looks_0) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u));
        s_0_1 = select(vec4<f32>(MASKED), s_0_1, (vec4<u32>(looks_0) & vec4<u32>(16u, 32u, 64u, 128u)) != vec4<u32>(0u));
        s_1_0 = select(vec4<f32>(MASKED), s_1_0, (vec4<u32>(looks_0) & vec4<u32>(256u, 512u, 1024u, 2048u)) != vec4<u32>(0u));
        s_1_1 = select(vec4<f32>(MASKED), s_1_1, (vec4<u32>(looks_0) & vec4<u32>(4096u, 8192u, 16384u, 32768u)) != vec4<u32>(0u));
        s_2_0 = select(vec4<f32>(MASKED), s_2_0, (vec4<u32>(looks_0) & vec4<u32>(65536u, 131072u, 262144u, 524288u)) != vec4<u32>(0u));
        s_2_1 = select(vec4<f32>(MASKED), s_2_1, (vec4<u32>(looks_0) & vec4<u32>(1048576u, 2097152u, 4194304u, 8388608u)) != vec4<u32>(0u));
        s_3_0 = select(vec4<f32>(MASKED), s_3_0, (vec4<u32>(looks_0) & vec4<u32>(16777216u, 33554432u, 67108864u, 134217728u)) != vec4<u32>(0u));
        s_3_1 = select(vec4<f32>(MASKED), s_3_1, (vec4<u32>(looks_0) & vec4<u32>(268435456u, 536870912u, 1073741824u, 2147483648u)) != vec4<u32>(0u));
        s_4_0 = select(vec4<f32>(MASKED), s_4_0, (vec4<u32>(looks_1) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u));
        s_4_1 = select(vec4<f32>(MASKED), s_4_1, (vec4<u32>(looks_1) & vec4<u32>(16u, 32u, 64u, 128u)) != vec4<u32>(0u));
        s_5_0 = select(vec4<f32>(MASKED), s_5_0, (vec4<u32>(looks_1) & vec4<u32>(256u, 512u, 1024u, 2048u)) != vec4<u32>(0u));
        s_5_1 = select(vec4<f32>(MASKED), s_5_1, (vec4<u32>(looks_1) & vec4<u32>(4096u, 8192u, 16384u, 32768u)) != vec4<u32>(0u));
        s_6_0 = select(vec4<f32>(MASKED), s_6_0, (vec4<u32>(looks_1) & vec4<u32>(65536u, 131072u, 262144u, 524288u)) != vec4<u32>(0u));
        s_6_1 = select(vec4<f32>(MASKED), s_6_1, (vec4<u32>(looks_1) & vec4<u32>(1048576u, 2097152u, 4194304u, 8388608u)) != vec4<u32>(0u));
        s_7_0 = select(vec4<f32>(MASKED), s_7_0, (vec4<u32>(looks_1) & vec4<u32>(16777216u, 33554432u, 67108864u, 134217728u)) != vec4<u32>(0u));
        s_7_1 = select(vec4<f32>(MASKED), s_7_1, (vec4<u32>(looks_1) & vec4<u32>(268435456u, 536870912u, 1073741824u, 2147483648u)) != vec4<u32>(0u));
      }
      var n_0 = max(max(max(max(max(max(max(s_0_0, s_1_0), s_2_0), s_3_0), s_4_0), s_5_0), s_6_0), s_7_0);
      var n_1 = max(max(max(max(max(max(max(s_0_1, s_1_1), s_2_1), s_3_1), s_4_1), s_5_1), s_6_1), s_7_1);
      partial[column_thread * 8 + own_group] = n_0;
      partial[column_thread * 8 + own_group + 1] = n_1;
      workgroupBarrier();
      n_0 = m_0;
      n_1 = m_1;
      for (var i = 0; i < 4; i++) {
        n_0 = max(n_0, partial[i * 8 + own_group]);
        n_1 = max(n_1, partial[i * 8 + own_group + 1]);
      }
      let a_0 = exp2(m_0 - n_0);
      let a_1 = exp2(m_1 - n_1);
      s_0_0 = exp2(s_0_0 - n_0);
      s_0_1 = exp2(s_0_1 - n_1);
      s_1_0 = exp2(s_1_0 - n_0);
      s_1_1 = exp2(s_1_1 - n_1);
      s_2_0 = exp2(s_2_0 - n_0);
      s_2_1 = exp2(s_2_1 - n_1);
      s_3_0 = exp2(s_3_0 - n_0);
      s_3_1 = exp2(s_3_1 - n_1);
      s_4_0 = exp2(s_4_0 - n_0);
      s_4_1 = exp2(s_4_1 - n_1);
      s_5_0 = exp2(s_5_0 - n_0);
      s_5_1 = exp2(s_5_1 - n_1);
      s_6_0 = exp2(s_6_0 - n_0);
      s_6_1 = exp2(s_6_1 - n_1);
      s_7_0 = exp2(s_7_0 - n_0);
      s_7_1 = exp2(s_7_1 - n_1);
      m_0 = n_0;
      m_1 = n_1;
      l_0 *= a_0;
      l_1 *= a_1;
      l_0 += s_0_0 + s_1_0 + s_2_0 + s_3_0 + s_4_0 + s_5_0 + s_6_0 + s_7_0;
      l_1 += s_0_1 + s_1_1 + s_2_1 + s_3_1 + s_4_1 + s_5_1 + s_6_1 + s_7_1;
      o_0_0 *= a_0.x;
      o_1_0 *= a_0.y;
      o_2_0 *= a_0.z;
      o_3_0 *= a_0.w;
      o_4_0 *= a_1.x;
      o_5_0 *= a_1.y;
      o_6_0 *= a_1.z;
      o_7_0 *= a_1.w;
      kp_tile[(own_column) * 8 + own_group] = s_0_0;
      kp_tile[(own_column) * 8 + own_group + 1] = s_0_1;
      kp_tile[(own_column + 1) * 8 + own_group] = s_1_0;
      kp_tile[(own_column + 1) * 8 + own_group + 1] = s_1_1;
      kp_tile[(own_column + 2) * 8 + own_group] = s_2_0;
      kp_tile[(own_column + 2) * 8 + own_group + 1] = s_2_1;
      kp_tile[(own_column + 3) * 8 + own_group] = s_3_0;
      kp_tile[(own_column + 3) * 8 + own_group + 1] = s_3_1;
      kp_tile[(own_column + 4) * 8 + own_group] = s_4_0;
      kp_tile[(own_column + 4) * 8 + own_group + 1] = s_4_1;
      kp_tile[(own_column + 5) * 8 + own_group] = s_5_0;
      kp_tile[(own_column + 5) * 8 + own_group + 1] = s_5_1;
      kp_tile[(own_column + 6) * 8 + own_group] = s_6_0;
      kp_tile[(own_column + 6) * 8 + own_group + 1] = s_6_1;
      kp_tile[(own_column + 7) * 8 + own_group] = s_7_0;
      kp_tile[(own_column + 7) * 8 + own_group + 1] = s_7_1;
      workgroupBarrier();
      let keys_here = min(32, places - place);
      for (var j = 0; j < keys_here; j++) {
        let p_0 = kp_tile[j * 8 + own_group];
        let p_1 = kp_tile[j * 8 + own_group + 1];
        let row = (key_base + key_rows[j]) * 4;
        let v_0 = value[row + column_thread];
        o_0_0 = fma(vec4<f32>(p_0.x), v_0, o_0_0);
        o_1_0 = fma(vec4<f32>(p_0.y), v_0, o_1_0);
        o_2_0 = fma(vec4<f32>(p_0.z), v_0, o_2_0);
        o_3_0 = fma(vec4<f32>(p_0.w), v_0, o_3_0);
        o_4_0 = fma(vec4<f32>(p_1.x), v_0, o_4_0);
        o_5_0 = fma(vec4<f32>(p_1.y), v_0, o_5_0);
        o_6_0 = fma(vec4<f32>(p_1.z), v_0, o_6_0);
        o_7_0 = fma(vec4<f32>(p_1.w), v_0, o_7_0);
      }
    }
  }

  workgroupBarrier();
  partial[column_thread * 8 + own_group] = l_0;
  partial[column_thread * 8 + own_group + 1] = l_1;
  workgroupBarrier();
  l_0 = vec4<f32>(0.0);
  l_1 = vec4<f32>(0.0);
  for (var i = 0; i < 4; i++) {
    l_0 += partial[i * 8 + own_group];
    l_1 += partial[i * 8 + own_group + 1];
  }
  let inverse_0 = select(1.0 / select(l_0, vec4<f32>(1.0), l_0 == vec4<f32>(0.0)), vec4<f32>(0.0), l_0 == vec4<f32>(0.0));
  let inverse_1 = select(1.0 / select(l_1, vec4<f32>(1.0), l_1 == vec4<f32>(0.0)), vec4<f32>(0.0), l_1 == vec4<f32>(0.0));
  o_0_0 *= inverse_0.x;
  o_1_0 *= inverse_0.y;
  o_2_0 *= inverse_0.z;
  o_3_0 *= inverse_0.w;
  o_4_0 *= inverse_1.x;
  o_5_0 *= inverse_1.y;
  o_6_0 *= inverse_1.z;
  o_7_0 *= inverse_1.w;
  if (first_row + own_row < u.queries) {
    let row = (query_base + first_row + own_row) * 4;
    output[row + column_thread] = o_0_0;
  }
  if (first_row + own_row + 1 < u.queries) {
    let row = (query_base + first_row + own_row + 1) * 4;
    output[row + column_thread] = o_1_0;
  }
  if (first_row + own_row + 2 < u.queries) {
    let row = (query_base + first_row + own_row + 2) * 4;
    output[row + column_thread] = o_2_0;
  }
  if (first_row + own_row + 3 < u.queries) {
    let row = (query_base + first_row + own_row + 3) * 4;
    output[row + column_thread] = o_3_0;
  }
  if (first_row + own_row + 4 < u.queries) {
    let row = (query_base + first_row + own_row + 4) * 4;
    output[row + column_thread] = o_4_0;
  }
  if (first_row + own_row + 5 < u.queries) {
    let row = (query_base + first_row + own_row + 5) * 4;
    output[row + column_thread] = o_5_0;
  }
  if (first_row + own_row + 6 < u.queries) {
    let row = (query_base + first_row + own_row + 6) * 4;
    output[row + column_thread] = o_6_0;
  }
  if (first_row + own_row + 7 < u.queries) {
    let row = (query_base + first_row + own_row + 7) * 4;
    output[row + column_thread] = o_7_0;
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
    if (first_row + own_row + 4 < u.queries) {
      lse[query_base + first_row + own_row + 4] = select(0.6931471805599453 * (m_1.x + log2(l_1.x)), bitcast<f32>(minus_infinity), l_1.x == 0.0);
    }
    if (first_row + own_row + 5 < u.queries) {
      lse[query_base + first_row + own_row + 5] = select(0.6931471805599453 * (m_1.y + log2(l_1.y)), bitcast<f32>(minus_infinity), l_1.y == 0.0);
    }
    if (first_row + own_row + 6 < u.queries) {
      lse[query_base + first_row + own_row + 6] = select(0.6931471805599453 * (m_1.z + log2(l_1.z)), bitcast<f32>(minus_infinity), l_1.z == 0.0);
    }
    if (first_row + own_row + 7 < u.queries) {
      lse[query_base + first_row + own_row + 7] = select(0.6931471805599453 * (m_1.w + log2(l_1.w)), bitcast<f32>(minus_infinity), l_1.w == 0.0);
    }
  }
}
