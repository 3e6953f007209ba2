/* Gradient descent in C: the loss and its gradient come from cross_entropy.c, which export.py writes. */
#include <stdio.h>

#include "cross_entropy.h"

int main(void) {
    const double x[4 * 2] = {0, 0, 0, 1, 1, 0, 1, 1};
    const double y[4 * 2] = {1, 0, 0, 1, 0, 1, 0, 1}; /* whether either number is 1 */
    double w[2 * 2] = {0}, b[2] = {0}, loss = 0, dw[2 * 2], db[2];
    for (int step = 0; step < 200; step++) {
        const int status = cross_entropy(4, 2, 2, x, y, w, b, &loss, dw, db);
        if (status != CROSS_ENTROPY_OK) return status;
        for (int k = 0; k < 4; k++) w[k] -= dw[k];
        for (int k = 0; k < 2; k++) b[k] -= db[k];
    }
    printf("%.6f\n", loss);
    return 0;
}
