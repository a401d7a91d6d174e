// Runs the operator of chat.attn on random tensors and checks one row with plain loops.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include <cuda_runtime.h>

#include "generated/chat.chat.h"

namespace {

std::vector<float> random_numbers(size_t count, unsigned seed) {
  std::mt19937 source(seed);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& number : numbers) number = normal(source);
  return numbers;
}

void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "CUDA: %s\n", cudaGetErrorString(error));
  std::exit(1);
}

void check(attnc_status status) {
  if (status == ATTNC_OK) return;
  std::fprintf(stderr, "attnc: %s\n", attnc_chat_error());
  std::exit(1);
}

float* on_device(const std::vector<float>& numbers) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, numbers.size() * sizeof(float)));
  check(cudaMemcpy(memory, numbers.data(), numbers.size() * sizeof(float), cudaMemcpyHostToDevice));
  return static_cast<float*>(memory);
}

}  // namespace

int main() {
  attnc_chat_call call = attnc_chat_defaults();
  call.queries = call.keys = 1000;
  call.window = 128;
  const size_t dim = call.head_dim;
  const size_t rows = static_cast<size_t>(call.heads) * call.queries;
  const size_t key_rows = static_cast<size_t>(call.kv_heads) * call.keys;
  const std::vector<float> q = random_numbers(rows * dim, 1), k = random_numbers(key_rows * dim, 2), v = random_numbers(key_rows * dim, 3);
  std::vector<float> out(rows * dim);

  float* out_on_device = on_device(out);
  call.q = on_device(q);
  call.k = on_device(k);
  call.v = on_device(v);
  call.out = out_on_device;
  check(attnc_chat_workspace(&call, &call.workspace_bytes));
  if (call.workspace_bytes > 0) check(cudaMalloc(&call.workspace, call.workspace_bytes));
  check(attnc_chat_launch(&call, nullptr));
  check(cudaStreamSynchronize(nullptr));
  check(cudaMemcpy(out.data(), out_on_device, out.size() * sizeof(float), cudaMemcpyDeviceToHost));

  // Four query heads share a kv head.
  const int head = 5, query = 660, kv_head = head / (call.heads / call.kv_heads);
  double sum = 0.0;
  std::vector<double> expected(dim);
  int seen = 0;
  for (int key = 0; key <= query; key++) {
    if (key >= 4 && query - key >= call.window) continue;
    const float* q_row = &q[(static_cast<size_t>(head) * call.queries + query) * dim];
    const size_t at = (static_cast<size_t>(kv_head) * call.keys + key) * dim;
    double score = 0.0;
    for (size_t d = 0; d < dim; d++) score += static_cast<double>(q_row[d]) * k[at + d];
    const double weight = std::exp(score / std::sqrt(static_cast<double>(dim)));
    sum += weight;
    seen++;
    for (size_t d = 0; d < dim; d++) expected[d] += weight * v[at + d];
  }
  double off = 0.0;
  for (size_t d = 0; d < dim; d++)
    off = std::fmax(off, std::fabs(out[(static_cast<size_t>(head) * call.queries + query) * dim + d] - expected[d] / sum));
  std::printf("Head %d, query %d: sees %d keys; off by %.1e from plain loops.\n", head, query, seen, off);
  std::fflush(stdout);
  return off < 1e-5 ? 0 : 1;
}
