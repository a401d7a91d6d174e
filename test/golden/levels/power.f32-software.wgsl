// power (std/power.attn:15), head dim 16, value dim 24, f32-software.
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

const MASKED = f32(-3e+38);

fn span_at(tile: i32) -> i32 {
  return select(select(1, 32, tile % 32 == 0), 1024, tile % 1024 == 0);
}

fn is_pow2(a: i32) -> bool {
  return a > 0 && (a & (a - 1)) == 0;
}

// A power of two lies in [lo, hi]: one is 1, or the highest bits of lo - 1 and hi differ.
fn pow2_in(lo: i32, hi: i32) -> bool {
  if (hi < 1 || hi < lo) {
    return false;
  }
  return lo <= 1 || firstLeadingBit(lo - 1) < firstLeadingBit(hi);
}

fn band_0(q: i32, k: i32, h: i32, kvh: i32, b: i32) -> vec2<i32> {
  let chosen_0 = ((((q >> 5u) - (k >> 5u)) < 2) || is_pow2(((q >> 5u) - (k >> 5u))) || ((k >> 5u) < 1));
  return vec2<i32>(select(u.keys, 0, chosen_0), min(min((q + 1), select(0, u.keys, chosen_0)), u.keys));
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
  var o_0_1 = vec4<f32>(0.0);
  var o_1_0 = vec4<f32>(0.0);
  var o_1_1 = vec4<f32>(0.0);
  var o_2_0 = vec4<f32>(0.0);
  var o_2_1 = vec4<f32>(0.0);
  var o_3_0 = vec4<f32>(0.0);
  var o_3_1 = vec4<f32>(0.0);
  var o_4_0 = vec4<f32>(0.0);
  var o_4_1 = vec4<f32>(0.0);
  var o_5_0 = vec4<f32>(0.0);
  var o_5_1 = vec4<f32>(0.0);
  var o_6_0 = vec4<f32>(0.0);
  var o_6_1 = vec4<f32>(0.0);
  var o_7_0 = vec4<f32>(0.0);
  var o_7_1 = vec4<f32>(0.0);

  let t0 = (q0 >> 5u);
  let t1 = ((u.keys >> 5u) + 1);
  let t2 = (q1 + 1);
  let t3 = (q1 >> 5u);
  let t4 = (max(min(t1, 1), (-1)) * 32);
  let first_key_0 = max(((max(min((t0 + (-2)), t1), (-1)) + 1) * 32), 0);
  let end_key_0 = min(t2, u.keys);
  let first_key_1 = 0;
  let end_key_1 = min(min(t2, ((max(min((t3 + (-1)), t1), (-1)) + 1) * 32)), u.keys);
  let first_key_2 = 0;
  let end_key_2 = min(min(t2, t4), u.keys);
  var first_tile: array<i32, 3>;
  var end_tile: array<i32, 3>;
  var ranges = 0;
  first_tile[ranges] = first_key_0 / 32;
  end_tile[ranges] = select(0, (end_key_0 + 31) / 32, first_key_0 < end_key_0);
  ranges += select(0, 1, first_tile[ranges] < end_tile[ranges]);
  first_tile[ranges] = first_key_1 / 32;
  end_tile[ranges] = select(0, (end_key_1 + 31) / 32, first_key_1 < end_key_1);
  ranges += select(0, 1, first_tile[ranges] < end_tile[ranges]);
  first_tile[ranges] = first_key_2 / 32;
  end_tile[ranges] = select(0, (end_key_2 + 31) / 32, first_key_2 < end_key_2);
  ranges += select(0, 1, first_tile[ranges] < end_tile[ranges]);
  var range = 0;
  loop {
    let end = end_tile[range];
    var tile = first_tile[range];
    loop {
      // Empty blocks of tiles are passed over as a whole.
      var span = span_at(tile);
      loop {
        if (tile >= end) {
          break;
        }
        let k0 = tile * 32;
        let k1 = min(k0 + span * 32, u.keys) - 1;
        let t5 = max(q0, k0);
        let t6 = min(k1, q1);
        let t7 = (k0 >> 5u);
        if ((((t5 <= q1) && (k0 <= t6)) && ((((t0 - (k1 >> 5u)) < 2) || pow2_in(((t5 >> 5u) - (t6 >> 5u)), (t3 - t7))) || (t7 < 1)))) {
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
      // Ranges may overlap: a tile that an earlier one holds has been visited.
      var visited = false;
      for (var earlier = 0; earlier < range; earlier++) {
        visited = visited || (first_tile[earlier] <= tile && tile < end_tile[earlier]);
      }
      if (visited) {
        continue;
      }
      let k0 = tile * 32;
      let k1 = min(k0 + 32, u.keys) - 1;
      let t8 = max(k0, t4);
      let t9 = (t8 >> 5u);
      let t10 = max(q0, (max(min((t9 + 2), t1), (-1)) * 32));
      let t11 = min(k1, (((max(min((t3 + (-2)), t1), (-1)) + 1) * 32) + (-1)));
      let t12 = ((t10 >> 5u) - (t11 >> 5u));
      let t13 = (t3 - t9);
      let masked = (((q0 < k1) || (((t10 <= q1) && (t8 <= t11)) && (((t12 != t13) || !(pow2_in(t12, t13))) && ((t12 != 1) || (t13 != 2))))) || (u.keys < (k0 + 32)));
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
        var bands_0: array<vec2<i32>, 8>;
        for (var r = 0; r < 8; r++) {
          bands_0[r] = band_0(q0 + own_row + r, k0, h, kvh, b);
        }
        let low_0_0 = vec4<i32>(bands_0[0].x, bands_0[1].x, bands_0[2].x, bands_0[3].x);
        let high_0_0 = vec4<i32>(bands_0[0].y, bands_0[1].y, bands_0[2].y, bands_0[3].y);
        let low_0_1 = vec4<i32>(bands_0[4].x, bands_0[5].x, bands_0[6].x, bands_0[7].x);
        let high_0_1 = vec4<i32>(bands_0[4].y, bands_0[5].y, bands_0[6].y, bands_0[7].y);
        let key_of_0 = vec4<i32>(k0 + own_column);
        s_0_0 = select(vec4<f32>(MASKED), s_0_0, ((low_0_0 <= key_of_0) & (key_of_0 < high_0_0)));
        s_0_1 = select(vec4<f32>(MASKED), s_0_1, ((low_0_1 <= key_of_0) & (key_of_0 < high_0_1)));
        let key_of_1 = vec4<i32>(k0 + own_column + 1);
        s_1_0 = select(vec4<f32>(MASKED), s_1_0, ((low_0_0 <= key_of_1) & (key_of_1 < high_0_0)));
        s_1_1 = select(vec4<f32>(MASKED), s_1_1, ((low_0_1 <= key_of_1) & (key_of_1 < high_0_1)));
        let key_of_2 = vec4<i32>(k0 + own_column + 2);
        s_2_0 = select(vec4<f32>(MASKED), s_2_0, ((low_0_0 <= key_of_2) & (key_of_2 < high_0_0)));
        s_2_1 = select(vec4<f32>(MASKED), s_2_1, ((low_0_1 <= key_of_2) & (key_of_2 < high_0_1)));
        let key_of_3 = vec4<i32>(k0 + own_column + 3);
        s_3_0 = select(vec4<f32>(MASKED), s_3_0, ((low_0_0 <= key_of_3) & (key_of_3 < high_0_0)));
        s_3_1 = select(vec4<f32>(MASKED), s_3_1, ((low_0_1 <= key_of_3) & (key_of_3 < high_0_1)));
        let key_of_4 = vec4<i32>(k0 + own_column + 4);
        s_4_0 = select(vec4<f32>(MASKED), s_4_0, ((low_0_0 <= key_of_4) & (key_of_4 < high_0_0)));
        s_4_1 = select(vec4<f32>(MASKED), s_4_1, ((low_0_1 <= key_of_4) & (key_of_4 < high_0_1)));
        let key_of_5 = vec4<i32>(k0 + own_column + 5);
        s_5_0 = select(vec4<f32>(MASKED), s_5_0, ((low_0_0 <= key_of_5) & (key_of_5 < high_0_0)));
        s_5_1 = select(vec4<f32>(MASKED), s_5_1, ((low_0_1 <= key_of_5) & (key_of_5 < high_0_1)));
        let key_of_6 = vec4<i32>(k0 + own_column + 6);
        s_6_0 = select(vec4<f32>(MASKED), s_6_0, ((low_0_0 <= key_of_6) & (key_of_6 < high_0_0)));
        s_6_1 = select(vec4<f32>(MASKED), s_6_1, ((low_0_1 <= key_of_6) & (key_of_6 < high_0_1)));
        let key_of_7 = vec4<i32>(k0 + own_column + 7);
        s_7_0 = select(vec4<f32>(MASKED), s_7_0, ((low_0_0 <= key_of_7) & (key_of_7 < high_0_0)));
        s_7_1 = select(vec4<f32>(MASKED), s_7_1, ((low_0_1 <= key_of_7) & (key_of_7 < high_0_1)));
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
      o_0_1 *= a_0.x;
      o_1_0 *= a_0.y;
      o_1_1 *= a_0.y;
      o_2_0 *= a_0.z;
      o_2_1 *= a_0.z;
      o_3_0 *= a_0.w;
      o_3_1 *= a_0.w;
      o_4_0 *= a_1.x;
      o_4_1 *= a_1.x;
      o_5_0 *= a_1.y;
      o_5_1 *= a_1.y;
      o_6_0 *= a_1.z;
      o_6_1 *= a_1.z;
      o_7_0 *= a_1.w;
      o_7_1 *= a_1.w;
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
        let row = (key_base + k0 + j) * 6;
        let v_0 = value[row + column_thread];
        let v_1 = value[row + min(column_thread + 4, 5)];
        o_0_0 = fma(vec4<f32>(p_0.x), v_0, o_0_0);
        o_0_1 = fma(vec4<f32>(p_0.x), v_1, o_0_1);
        o_1_0 = fma(vec4<f32>(p_0.y), v_0, o_1_0);
        o_1_1 = fma(vec4<f32>(p_0.y), v_1, o_1_1);
        o_2_0 = fma(vec4<f32>(p_0.z), v_0, o_2_0);
        o_2_1 = fma(vec4<f32>(p_0.z), v_1, o_2_1);
        o_3_0 = fma(vec4<f32>(p_0.w), v_0, o_3_0);
        o_3_1 = fma(vec4<f32>(p_0.w), v_1, o_3_1);
        o_4_0 = fma(vec4<f32>(p_1.x), v_0, o_4_0);
        o_4_1 = fma(vec4<f32>(p_1.x), v_1, o_4_1);
        o_5_0 = fma(vec4<f32>(p_1.y), v_0, o_5_0);
        o_5_1 = fma(vec4<f32>(p_1.y), v_1, o_5_1);
        o_6_0 = fma(vec4<f32>(p_1.z), v_0, o_6_0);
        o_6_1 = fma(vec4<f32>(p_1.z), v_1, o_6_1);
        o_7_0 = fma(vec4<f32>(p_1.w), v_0, o_7_0);
        o_7_1 = fma(vec4<f32>(p_1.w), v_1, o_7_1);
      }
      continuing {
        tile++;
      }
    }
    continuing {
      range++;
      break if range >= ranges;
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
  o_0_1 *= inverse_0.x;
  o_1_0 *= inverse_0.y;
  o_1_1 *= inverse_0.y;
  o_2_0 *= inverse_0.z;
  o_2_1 *= inverse_0.z;
  o_3_0 *= inverse_0.w;
  o_3_1 *= inverse_0.w;
  o_4_0 *= inverse_1.x;
  o_4_1 *= inverse_1.x;
  o_5_0 *= inverse_1.y;
  o_5_1 *= inverse_1.y;
  o_6_0 *= inverse_1.z;
  o_6_1 *= inverse_1.z;
  o_7_0 *= inverse_1.w;
  o_7_1 *= inverse_1.w;
  if (first_row + own_row < u.queries) {
    let row = (query_base + first_row + own_row) * 6;
    output[row + column_thread] = o_0_0;
    if (column_thread + 4 < 6) {
      output[row + column_thread + 4] = o_0_1;
    }
  }
  if (first_row + own_row + 1 < u.queries) {
    let row = (query_base + first_row + own_row + 1) * 6;
    output[row + column_thread] = o_1_0;
    if (column_thread + 4 < 6) {
      output[row + column_thread + 4] = o_1_1;
    }
  }
  if (first_row + own_row + 2 < u.queries) {
    let row = (query_base + first_row + own_row + 2) * 6;
    output[row + column_thread] = o_2_0;
    if (column_thread + 4 < 6) {
      output[row + column_thread + 4] = o_2_1;
    }
  }
  if (first_row + own_row + 3 < u.queries) {
    let row = (query_base + first_row + own_row + 3) * 6;
    output[row + column_thread] = o_3_0;
    if (column_thread + 4 < 6) {
      output[row + column_thread + 4] = o_3_1;
    }
  }
  if (first_row + own_row + 4 < u.queries) {
    let row = (query_base + first_row + own_row + 4) * 6;
    output[row + column_thread] = o_4_0;
    if (column_thread + 4 < 6) {
      output[row + column_thread + 4] = o_4_1;
    }
  }
  if (first_row + own_row + 5 < u.queries) {
    let row = (query_base + first_row + own_row + 5) * 6;
    output[row + column_thread] = o_5_0;
    if (column_thread + 4 < 6) {
      output[row + column_thread + 4] = o_5_1;
    }
  }
  if (first_row + own_row + 6 < u.queries) {
    let row = (query_base + first_row + own_row + 6) * 6;
    output[row + column_thread] = o_6_0;
    if (column_thread + 4 < 6) {
      output[row + column_thread + 4] = o_6_1;
    }
  }
  if (first_row + own_row + 7 < u.queries) {
    let row = (query_base + first_row + own_row + 7) * 6;
    output[row + column_thread] = o_7_0;
    if (column_thread + 4 < 6) {
      output[row + column_thread + 4] = o_7_1;
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
