/** How the threads of a block put parts of a sum, minimum or maximum together. */
export const SHARED_LOOP = /* cpp */ `
// Parts of a loop that the threads of a block share. The memory has two numbers for each warp.
struct SharedLoop {
  float* parts;

  __device__ __forceinline__ float sum(int lane, float part) const {
    for (int distance = 16; distance > 0; distance /= 2) part += shuffle_xor(part, distance);
    block_barrier();
    if (lane % 32 == 0) parts[lane / 32] = part;
    block_barrier();
    float all = parts[0];
    for (int warp = 1; warp < static_cast<int>(blockDim.x) / 32; warp++) all += parts[warp];
    return all;
  }
  __device__ __forceinline__ float min(int lane, float part, bool some) const { return -max(lane, -part, some); }
  // Of the parts that are there; 0 where there is none.
  __device__ __forceinline__ float max(int lane, float part, bool some) const {
    const int warps = static_cast<int>(blockDim.x) / 32;
    float there = some ? 1.0f : 0.0f;
    for (int distance = 16; distance > 0; distance /= 2) join(part, there, shuffle_xor(part, distance), shuffle_xor(there, distance));
    block_barrier();
    if (lane % 32 == 0) {
      parts[lane / 32] = part;
      parts[warps + lane / 32] = there;
    }
    block_barrier();
    float all = parts[0];
    float any = parts[warps];
    for (int warp = 1; warp < warps; warp++) join(all, any, parts[warp], parts[warps + warp]);
    return any == 0.0f ? 0.0f : all;
  }
  __device__ __forceinline__ static void join(float& part, float& there, float other, float other_there) {
    if (other_there == 0.0f) return;
    part = there == 0.0f ? other : fmaxf(part, other);
    there = 1.0f;
  }
};
`;
