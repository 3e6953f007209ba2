// Programs over arrays with their derivatives, as a good programmer writes them by hand. Each has the interface that the header of
// an exported function of graphc has: lengths, inputs, results; 0 for all is well.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

extern "C" {

// Value and slope of the Rosenbrock function, in one pass.
int rosenbrock(int64_t n, const double *__restrict x, double *__restrict value, double *__restrict slope) {
    double total = 0, carried = 0;
    for (int64_t i = 0; i + 1 < n; i++) {
        const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        total += 100 * a * a + b * b;
        slope[i] = carried - 400 * x[i] * a - 2 * b;
        carried = 200 * a;
    }
    slope[n - 1] = carried;
    *value = total;
    return 0;
}

int log_sum_exp(int64_t n, const double *__restrict x, double *__restrict value, double *__restrict slope) {
    double top = x[0];
    for (int64_t i = 1; i < n; i++) top = x[i] > top ? x[i] : top;
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += slope[i] = std::exp(x[i] - top);
    const double share = 1 / total;
    for (int64_t i = 0; i < n; i++) slope[i] *= share;
    *value = top + std::log(total);
    return 0;
}
}

namespace {

// Squared distances of n points to the nearest of K centres, the slope by the centres, and its change along v.
template <int K, int D>
int k_means(int64_t n, const double *__restrict c, const double *__restrict x, const double *__restrict v,
            double *__restrict value, double *__restrict slope, double *__restrict change) {
    double total = 0, sums[K * D] = {};
    int64_t members[K] = {};
    for (int64_t i = 0; i < n; i++) {
        double least = INFINITY;
        int nearest = 0;
        for (int k = 0; k < K; k++) {
            double far = 0;
            for (int d = 0; d < D; d++) {
                const double a = x[i * D + d] - c[k * D + d];
                far += a * a;
            }
            if (far < least) {
                least = far;
                nearest = k;
            }
        }
        total += least;
        members[nearest]++;
        for (int d = 0; d < D; d++) sums[nearest * D + d] += x[i * D + d];
    }
    for (int k = 0; k < K; k++)
        for (int d = 0; d < D; d++) {
            slope[k * D + d] = 2 * (members[k] * c[k * D + d] - sums[k * D + d]);
            change[k * D + d] = 2.0 * members[k] * v[k * D + d];
        }
    *value = total;
    return 0;
}

}  // namespace

extern "C" {

int k_means_10(int64_t n, const double *c, const double *x, const double *v, double *value, double *slope, double *change) {
    return k_means<10, 8>(n, c, x, v, value, slope, change);
}

int k_means_100(int64_t n, const double *c, const double *x, const double *v, double *value, double *slope, double *change) {
    return k_means<100, 8>(n, c, x, v, value, slope, change);
}
}

namespace {

struct M4 {
    double a[4][4];
};

inline M4 operator*(const M4 &x, const M4 &y) {
    M4 z;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            z.a[i][j] = x.a[i][0] * y.a[0][j] + x.a[i][1] * y.a[1][j] + x.a[i][2] * y.a[2][j] + x.a[i][3] * y.a[3][j];
    return z;
}

}  // namespace

extern "C" {

// 26 joints, each a turn about z behind a fixed frame; all points in the first frame, and their Jacobian by the angles.
int transformations(const double *__restrict angles, const double *__restrict frames, const double *__restrict points,
                    double *__restrict moved, double *__restrict jacobian) {
    constexpr int J = 26, N = 500;
    M4 turned[J], slope[J], before[J + 1], behind;
    std::memset(&before[0], 0, sizeof(M4));
    for (int i = 0; i < 4; i++) before[0].a[i][i] = 1;
    for (int k = 0; k < J; k++) {
        M4 frame;
        std::memcpy(&frame, frames + 16 * k, sizeof frame);
        const double c = std::cos(angles[k]), s = std::sin(angles[k]);
        for (int i = 0; i < 4; i++) {
            const double a = frame.a[i][0], b = frame.a[i][1];
            turned[k].a[i][0] = a * c + b * s;
            turned[k].a[i][1] = b * c - a * s;
            turned[k].a[i][2] = frame.a[i][2];
            turned[k].a[i][3] = frame.a[i][3];
            slope[k].a[i][0] = b * c - a * s;
            slope[k].a[i][1] = -a * c - b * s;
            slope[k].a[i][2] = slope[k].a[i][3] = 0;
        }
        before[k + 1] = before[k] * turned[k];
    }
    std::memset(&behind, 0, sizeof behind);
    for (int i = 0; i < 4; i++) behind.a[i][i] = 1;
    M4 by[J];
    for (int k = J - 1; k >= 0; k--) {
        by[k] = before[k] * (slope[k] * behind);
        behind = turned[k] * behind;
    }
    double rows[3][4][J];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < J; k++) rows[i][j][k] = by[k].a[i][j];
    for (int p = 0; p < N; p++) {
        const double x = points[4 * p], y = points[4 * p + 1], z = points[4 * p + 2], w = points[4 * p + 3];
        for (int i = 0; i < 3; i++) {
            moved[3 * p + i] = before[J].a[i][0] * x + before[J].a[i][1] * y + before[J].a[i][2] * z + before[J].a[i][3] * w;
            double *out = jacobian + (3 * p + i) * J;
            for (int k = 0; k < J; k++)
                out[k] = rows[i][0][k] * x + rows[i][1][k] * y + rows[i][2][k] * z + rows[i][3][k] * w;
        }
    }
    return 0;
}

// Residuals of pictures of n points, each in a camera of its own (rotation vector, shift, focal length, two distortions), with the
// blocks of the Jacobian: by the nine numbers of the camera and by the point.
int reprojection(int64_t n, const double *__restrict cameras, const double *__restrict points, const double *__restrict seen,
                 double *__restrict residuals, double *__restrict by_camera, double *__restrict by_point) {
    for (int64_t o = 0; o < n; o++) {
        const double *c = cameras + 9 * o, *x = points + 3 * o;
        const double r[3] = {c[0], c[1], c[2]};
        const double t2 = r[0] * r[0] + r[1] * r[1] + r[2] * r[2], t = std::sqrt(t2), s = std::sin(t), k = std::cos(t);
        const double a = s / t, b = (1 - k) / t2;                         // R x = k x + a r×x + b (r·x) r
        const double da = (k - a) / t2, db = (a - 2 * b) / t2;            // by r, each times r
        const double rx = r[0] * x[0] + r[1] * x[1] + r[2] * x[2];
        const double cross[3] = {r[1] * x[2] - r[2] * x[1], r[2] * x[0] - r[0] * x[2], r[0] * x[1] - r[1] * x[0]};
        double p[3], R[3][3], byr[3][3];
        const double skew[3][3] = {{0, -r[2], r[1]}, {r[2], 0, -r[0]}, {-r[1], r[0], 0}};
        const double minus[3][3] = {{0, x[2], -x[1]}, {-x[2], 0, x[0]}, {x[1], -x[0], 0}};  // d(r×x)/dr
        for (int i = 0; i < 3; i++) {
            p[i] = k * x[i] + a * cross[i] + b * rx * r[i] + c[3 + i];
            for (int j = 0; j < 3; j++) {
                R[i][j] = (i == j ? k : 0) + a * skew[i][j] + b * r[i] * r[j];
                byr[i][j] = -a * r[j] * x[i] + da * r[j] * cross[i] + a * minus[i][j] + db * r[j] * rx * r[i] + b * x[j] * r[i] +
                            (i == j ? b * rx : 0);
            }
        }
        const double f = c[6], k1 = c[7], k2 = c[8], iz = -1 / p[2];
        const double u = p[0] * iz, v = p[1] * iz, q = u * u + v * v;
        const double d = 1 + q * (k1 + k2 * q), dd = k1 + 2 * k2 * q;
        residuals[2 * o] = f * d * u - seen[2 * o];
        residuals[2 * o + 1] = f * d * v - seen[2 * o + 1];
        const double uv[2] = {u, v};
        for (int e = 0; e < 2; e++) {
            const double du = f * ((e == 0 ? d : 0) + uv[e] * dd * 2 * u), dv = f * ((e == 1 ? d : 0) + uv[e] * dd * 2 * v);
            const double g[3] = {du * iz, dv * iz, (du * u + dv * v) * iz};  // by p: d(−x/z)/dz = x/z²
            double *oc = by_camera + (2 * o + e) * 9, *ox = by_point + (2 * o + e) * 3;
            for (int j = 0; j < 3; j++) {
                oc[j] = g[0] * byr[0][j] + g[1] * byr[1][j] + g[2] * byr[2][j];
                oc[3 + j] = g[j];
                ox[j] = g[0] * R[0][j] + g[1] * R[1][j] + g[2] * R[2][j];
            }
            oc[6] = d * uv[e];
            oc[7] = f * uv[e] * q;
            oc[8] = f * uv[e] * q * q;
        }
    }
    return 0;
}
}

namespace {

constexpr int H = 14;

struct Gates {
    double i[H], f[H], o[H], z[H], t[H], c0[H], in[2 * H];
};

void cell(const double *W, const double *b, double *h, double *c, const double *x, Gates &g) {
    for (int k = 0; k < H; k++) g.in[k] = h[k], g.in[H + k] = x[k], g.c0[k] = c[k];
    double z[4 * H];
    for (int r = 0; r < 4 * H; r++) {
        double s = 0;
        for (int k = 0; k < 2 * H; k++) s += W[r * 2 * H + k] * g.in[k];
        z[r] = s + b[r];
    }
    for (int k = 0; k < H; k++) {
        g.i[k] = sigmoid(z[k]);
        g.f[k] = sigmoid(z[H + k]);
        g.o[k] = sigmoid(z[2 * H + k]);
        g.z[k] = std::tanh(z[3 * H + k]);
        c[k] = g.f[k] * c[k] + g.i[k] * g.z[k];
        g.t[k] = std::tanh(c[k]);
        h[k] = g.o[k] * g.t[k];
    }
}

// dh, dc: slopes by what comes out, then by what went in; dx += that by x; dW, db are written.
void cell_back(const double *W, double *dh, double *dc, double *dx, const Gates &g, double *dW, double *db) {
    double dz[4 * H];
    for (int k = 0; k < H; k++) {
        const double d = dc[k] + dh[k] * g.o[k] * (1 - g.t[k] * g.t[k]);
        dz[k] = d * g.z[k] * g.i[k] * (1 - g.i[k]);
        dz[H + k] = d * g.c0[k] * g.f[k] * (1 - g.f[k]);
        dz[2 * H + k] = dh[k] * g.t[k] * g.o[k] * (1 - g.o[k]);
        dz[3 * H + k] = d * g.i[k] * (1 - g.z[k] * g.z[k]);
        dc[k] = d * g.f[k];
    }
    double din[2 * H] = {};
    for (int r = 0; r < 4 * H; r++) {
        db[r] = dz[r];
        for (int k = 0; k < 2 * H; k++) {
            dW[r * 2 * H + k] = dz[r] * g.in[k];
            din[k] += dz[r] * W[r * 2 * H + k];
        }
    }
    for (int k = 0; k < H; k++) dh[k] = din[k], dx[k] += din[H + k];
}

}  // namespace

extern "C" {

// One step of two layers of 14 units, the sum of squares of what comes out, and its slope by weights.
int lstm_step(const double *W1, const double *b1, const double *W2, const double *b2, const double *x, const double *h1,
              const double *c1, const double *h2, const double *c2, double *value, double *dW1, double *db1, double *dW2,
              double *db2) {
    double ha[H], ca[H], hb[H], cb[H];
    std::memcpy(ha, h1, sizeof ha), std::memcpy(ca, c1, sizeof ca);
    std::memcpy(hb, h2, sizeof hb), std::memcpy(cb, c2, sizeof cb);
    Gates first, second;
    cell(W1, b1, ha, ca, x, first);
    cell(W2, b2, hb, cb, ha, second);
    double total = 0, dh[H], dc[H] = {}, dha[H] = {}, dca[H] = {}, dx[H] = {};
    for (int k = 0; k < H; k++) total += hb[k] * hb[k], dh[k] = 2 * hb[k];
    cell_back(W2, dh, dc, dha, second, dW2, db2);
    cell_back(W1, dha, dca, dx, first, dW1, db1);
    *value = total;
    return 0;
}

// A step of gradient descent of a 2-3-1 network, sigmoids, half the squared error.
int network_2_3_1(const double *x, double y, const double *W, const double *c, const double *v, double *loss, double *W1,
                  double *c1, double *v1) {
    double h[3], z = 0;
    for (int i = 0; i < 3; i++) {
        h[i] = sigmoid(W[2 * i] * x[0] + W[2 * i + 1] * x[1] + c[i]);
        z += v[i] * h[i];
    }
    const double o = sigmoid(z), e = o - y, d = e * o * (1 - o) * 0.1;
    *loss = 0.5 * e * e;
    for (int i = 0; i < 3; i++) {
        const double dh = d * v[i] * h[i] * (1 - h[i]);
        v1[i] = v[i] - d * h[i];
        c1[i] = c[i] - dh;
        W1[2 * i] = W[2 * i] - dh * x[0];
        W1[2 * i + 1] = W[2 * i + 1] - dh * x[1];
    }
    return 0;
}

// A step of gradient descent of a 64-32-10 network, tanh and softmax, the label being 3.
int network_64_32_10(const double *__restrict x, const double *__restrict W, const double *__restrict c,
                     const double *__restrict V, double *__restrict loss, double *__restrict W1, double *__restrict c1,
                     double *__restrict V1) {
    double h[32], z[10], top = -INFINITY, total = 0;
    for (int i = 0; i < 32; i++) {
        double s = 0;
        for (int j = 0; j < 64; j++) s += W[64 * i + j] * x[j];
        h[i] = std::tanh(s + c[i]);
    }
    for (int i = 0; i < 10; i++) {
        double s = 0;
        for (int j = 0; j < 32; j++) s += V[32 * i + j] * h[j];
        z[i] = s;
        top = s > top ? s : top;
    }
    double p[10], dh[32] = {};
    for (int i = 0; i < 10; i++) total += p[i] = std::exp(z[i] - top);
    *loss = top + std::log(total) - z[3];
    for (int i = 0; i < 10; i++) {
        const double d = p[i] / total - (i == 3);
        for (int j = 0; j < 32; j++) {
            dh[j] += d * V[32 * i + j];
            V1[32 * i + j] = V[32 * i + j] - 0.1 * d * h[j];
        }
    }
    for (int i = 0; i < 32; i++) {
        const double d = 0.1 * dh[i] * (1 - h[i] * h[i]);
        c1[i] = c[i] - d;
        for (int j = 0; j < 64; j++) W1[64 * i + j] = W[64 * i + j] - d * x[j];
    }
    return 0;
}

// The determinant of 8 × 8 by its minors: those of the lower rows, by the columns that they have.
int determinant(const double *__restrict A, double *__restrict value) {
    double minors[256];
    minors[0] = 1;
    for (int columns = 1; columns < 256; columns++) {
        const int row = 8 - __builtin_popcount(columns);
        double total = 0;
        int sign = 1;
        for (int left = columns; left; left &= left - 1) {
            const int j = __builtin_ctz(left);
            total += sign * A[8 * row + j] * minors[columns & ~(1 << j)];
            sign = -sign;
        }
        minors[columns] = total;
    }
    *value = minors[255];
    return 0;
}
}

namespace {

// k times one or two concentrations, and its slopes, added to what the reaction makes and takes.
template <int A, int B, int... Made>
inline void reaction(double k, const double *y, double *f, double *J) {
    const double a = B < 0 ? k : k * y[B < 0 ? 0 : B], rate = a * y[A], b = k * y[A];
    f[A] -= rate;
    J[20 * A + A] -= a;
    if (B >= 0) f[B] -= rate, J[20 * B + A] -= a, J[20 * A + B] -= b, J[20 * B + B] -= b;
    ((f[Made] += rate, J[20 * Made + A] += a, B >= 0 ? void(J[20 * Made + (B < 0 ? 0 : B)] += b) : void()), ...);
}

}  // namespace

extern "C" {

// Air pollution: 25 reactions of 20 species, the right-hand side and its Jacobian.
int kinetics(const double *__restrict y, double *__restrict f, double *__restrict J) {
    std::memset(f, 0, 20 * sizeof *f);
    std::memset(J, 0, 400 * sizeof *J);
    reaction<0, -1, 1, 2>(.35, y, f, J);
    reaction<1, 3, 0>(26.6, y, f, J);
    reaction<4, 1, 5, 0>(12300, y, f, J);
    reaction<6, -1, 4, 4, 7>(8.6e-4, y, f, J);
    reaction<6, -1, 7>(8.2e-4, y, f, J);
    reaction<6, 5, 4, 7>(15000, y, f, J);
    reaction<8, -1, 4, 7, 9>(1.3e-4, y, f, J);
    reaction<8, 5, 10>(24000, y, f, J);
    reaction<10, 1, 0, 9, 11>(16500, y, f, J);
    reaction<10, 0, 12>(9000, y, f, J);
    reaction<12, -1, 10, 0>(.022, y, f, J);
    reaction<9, 1, 13, 0>(12000, y, f, J);
    reaction<13, -1, 6, 4>(1.88, y, f, J);
    reaction<0, 5, 14>(16300, y, f, J);
    reaction<2, -1, 3>(4.8e6, y, f, J);
    reaction<3, -1, 15>(3.5e-4, y, f, J);
    reaction<3, -1, 2>(.0175, y, f, J);
    reaction<15, -1, 5, 5>(1e8, y, f, J);
    reaction<15, -1, 2>(4.44e11, y, f, J);
    reaction<16, 5, 4, 17>(1240, y, f, J);
    reaction<18, -1, 1>(2.1, y, f, J);
    reaction<18, -1, 0, 2>(5.78, y, f, J);
    reaction<0, 3, 18>(.0474, y, f, J);
    reaction<18, 0, 19>(1780, y, f, J);
    reaction<19, -1, 0, 18>(3.12, y, f, J);
    return 0;
}
}
