/** The part of the CUDA runtime that C programs include. */
#pragma once
#include "cuda_runtime.h"
