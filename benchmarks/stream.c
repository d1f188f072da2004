// The bandwidth of a working set without torch: piece after piece of two halves, on every OpenMP thread.
// Prints the seconds of each call, first of adding one half onto the other, then of their inner product.
// Its pages are those that every program gets, as torch's are: huge ones only where the system gives them unasked.
// Arguments: elements of a half, elements of a piece, milliseconds for each of the two.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    size_t half = strtoull(arguments[1], 0, 10), piece = strtoull(arguments[2], 0, 10);
    double most = 1e-3 * atof(arguments[3]);
    float *a;
    if (posix_memalign((void **)&a, 1 << 21, (2 * half + 272) * sizeof(float))) return 1;
    float *b = a + half + 272;  // so that the halves do not lie the same way in their pages
    for (size_t i = 0; i < 2 * half + 272; i++) a[i] = 1.0f;
    volatile float sink = 0;
    for (int kind = 0; kind < 2; kind++) {
        size_t at = 0;
        double start = now();
        while (now() - start < most) {
            float *x = a + at, *y = b + at, sum = 0;
            double began = now();
            if (kind == 0) {
#pragma omp parallel for simd
                for (size_t i = 0; i < piece; i++) x[i] += 1e-9f * y[i];
            } else {
#pragma omp parallel for simd reduction(+ : sum)
                for (size_t i = 0; i < piece; i++) sum += x[i] * y[i];
            }
            double took = now() - began;
            sink += sum;
            printf("%d %.9f\n", kind, took);
            at = at + 2 * piece <= half ? at + piece : 0;
        }
    }
    return 0;
}
