// Programs with loops over steps and their slopes, by hand: forward with what the way back needs kept, then back. The interface is
// that of arrays.cpp.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

inline void flow(const double *p, const double *y, double *out) {
    out[0] = p[0] * y[0] - p[1] * y[0] * y[1];
    out[1] = p[2] * y[0] * y[1] - p[3] * y[1];
}

// What slopes a by the flow are by y (added to dy) and by p (added to dp).
inline void flow_back(const double *p, const double *y, const double *a, double *dy, double *dp) {
    const double both = y[0] * y[1];
    dy[0] += a[0] * (p[0] - p[1] * y[1]) + a[1] * p[2] * y[1];
    dy[1] += a[1] * (p[2] * y[0] - p[3]) - a[0] * p[1] * y[0];
    dp[0] += a[0] * y[0];
    dp[1] -= a[0] * both;
    dp[2] += a[1] * both;
    dp[3] -= a[1] * y[1];
}

}  // namespace

extern "C" {

// 2,000 steps of Runge and Kutta over Lotka's and Volterra's equations: the mean square of the path.
int lotka_volterra(const double *p, const double *y0, double *value, double *dp, double *dy0) {
    constexpr int N = 2000;
    constexpr double h = 0.01;
    std::vector<double> states(2 * N + 2);
    double y[2] = {y0[0], y0[1]}, total = 0;
    for (int n = 0; n < N; n++) {
        states[2 * n] = y[0], states[2 * n + 1] = y[1];
        double k1[2], k2[2], k3[2], k4[2], z[2];
        flow(p, y, k1);
        for (int i = 0; i < 2; i++) z[i] = y[i] + h / 2 * k1[i];
        flow(p, z, k2);
        for (int i = 0; i < 2; i++) z[i] = y[i] + h / 2 * k2[i];
        flow(p, z, k3);
        for (int i = 0; i < 2; i++) z[i] = y[i] + h * k3[i];
        flow(p, z, k4);
        for (int i = 0; i < 2; i++) {
            y[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
            total += y[i] * y[i];
        }
    }
    states[2 * N] = y[0], states[2 * N + 1] = y[1];
    double d[2] = {}, by[4] = {};
    for (int n = N - 1; n >= 0; n--) {
        const double *s = &states[2 * n];
        double k1[2], k2[2], k3[2], z2[2], z3[2], z4[2];
        flow(p, s, k1);
        for (int i = 0; i < 2; i++) z2[i] = s[i] + h / 2 * k1[i];
        flow(p, z2, k2);
        for (int i = 0; i < 2; i++) z3[i] = s[i] + h / 2 * k2[i];
        flow(p, z3, k3);
        for (int i = 0; i < 2; i++) z4[i] = s[i] + h * k3[i];
        double a[2], b4[2], b3[2], b2[2], b1[2];
        for (int i = 0; i < 2; i++) {
            d[i] += s[2 + i] / N;
            a[i] = d[i];
            b4[i] = h / 6 * a[i];
            b3[i] = b2[i] = h / 3 * a[i];
            b1[i] = h / 6 * a[i];
        }
        double dz[2] = {};
        flow_back(p, z4, b4, dz, by);
        for (int i = 0; i < 2; i++) d[i] += dz[i], b3[i] += h * dz[i], dz[i] = 0;
        flow_back(p, z3, b3, dz, by);
        for (int i = 0; i < 2; i++) d[i] += dz[i], b2[i] += h / 2 * dz[i], dz[i] = 0;
        flow_back(p, z2, b2, dz, by);
        for (int i = 0; i < 2; i++) d[i] += dz[i], b1[i] += h / 2 * dz[i];
        flow_back(p, s, b1, d, by);
    }
    *value = total / (2 * N);
    std::memcpy(dp, by, sizeof by);
    std::memcpy(dy0, d, sizeof d);
    return 0;
}

// 1,000 steps of Kalman's filter over two numbers, of which the first is seen: the likelihood's logarithm.
int kalman(const double *A, double q, double r, const double *Y, double *value, double *dA, double *dq, double *dr) {
    constexpr int N = 1000;
    std::vector<double> kept(6 * N);
    const double Q = std::exp(q), R = std::exp(r);
    double m[2] = {}, P[2][2] = {{1, 0}, {0, 1}}, total = 0;
    const auto predict = [&](const double *m, const double P[2][2], double *mp, double Pp[2][2]) {
        double AP[2][2];
        for (int i = 0; i < 2; i++) {
            mp[i] = A[2 * i] * m[0] + A[2 * i + 1] * m[1];
            for (int j = 0; j < 2; j++) AP[i][j] = A[2 * i] * P[0][j] + A[2 * i + 1] * P[1][j];
        }
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++) Pp[i][j] = AP[i][0] * A[2 * j] + AP[i][1] * A[2 * j + 1] + (i == j ? Q : 0);
    };
    for (int n = 0; n < N; n++) {
        std::memcpy(&kept[6 * n], m, sizeof m), std::memcpy(&kept[6 * n + 2], P, sizeof P);
        double mp[2], Pp[2][2];
        predict(m, P, mp, Pp);
        const double s = Pp[0][0] + R, v = Y[n] - mp[0];
        for (int i = 0; i < 2; i++) {
            const double k = Pp[i][0] / s;
            m[i] = mp[i] + k * v;
            for (int j = 0; j < 2; j++) P[i][j] = Pp[i][j] - k * Pp[0][j];
        }
        total += std::log(s) + v * v / s;
    }
    double am[2] = {}, aP[2][2] = {}, aA[2][2] = {}, aq = 0, ar = 0;
    for (int n = N - 1; n >= 0; n--) {
        const double *mn = &kept[6 * n], *Pn = mn + 2;
        double mp[2], Pp[2][2], Pm[2][2] = {{Pn[0], Pn[1]}, {Pn[2], Pn[3]}};
        predict(mn, Pm, mp, Pp);
        const double s = Pp[0][0] + R, v = Y[n] - mp[0];
        const double k[2] = {Pp[0][0] / s, Pp[1][0] / s};
        double av = am[0] * k[0] + am[1] * k[1] - v / s, as = -0.5 * (1 / s - v * v / (s * s));
        double bP[2][2];
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++) bP[i][j] = aP[i][j];
        for (int j = 0; j < 2; j++) bP[0][j] -= aP[0][j] * k[0] + aP[1][j] * k[1];
        for (int i = 0; i < 2; i++) {
            const double ak = am[i] * v - aP[i][0] * Pp[0][0] - aP[i][1] * Pp[0][1];
            bP[i][0] += ak / s;
            as -= ak * k[i] / s;
        }
        double bm[2] = {am[0] - av, am[1]};
        bP[0][0] += as;
        ar += as;
        aq += bP[0][0] + bP[1][1];
        double AP[2][2], PA[2][2];  // A P, P being symmetric, and Aᵀ by the slope of P
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++) {
                AP[i][j] = A[2 * i] * Pm[0][j] + A[2 * i + 1] * Pm[1][j];
                PA[i][j] = A[i] * bP[0][j] + A[2 + i] * bP[1][j];
            }
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++) {
                aA[i][j] += bm[i] * mn[j] + bP[i][0] * AP[0][j] + bP[i][1] * AP[1][j] + bP[0][i] * AP[0][j] + bP[1][i] * AP[1][j];
            }
        for (int i = 0; i < 2; i++) {
            am[i] = A[i] * bm[0] + A[2 + i] * bm[1];
            for (int j = 0; j < 2; j++) aP[i][j] = PA[i][0] * A[j] + PA[i][1] * A[2 + j];
        }
    }
    *value = -0.5 * total;
    std::memcpy(dA, aA, sizeof aA);
    *dq = aq * Q;
    *dr = ar * R;
    return 0;
}

// The forward algorithm of a hidden Markov model of 8 states over 500 observations, in logarithms throughout.
int markov(const double *T, const double *O, double *value, double *dT, double *dO) {
    constexpr int S = 8, N = 500;
    double L[S][S], share[S][S];
    for (int i = 0; i < S; i++) {
        double top = T[S * i], total = 0;
        for (int j = 1; j < S; j++) top = T[S * i + j] > top ? T[S * i + j] : top;
        for (int j = 0; j < S; j++) total += share[i][j] = std::exp(T[S * i + j] - top);
        for (int j = 0; j < S; j++) share[i][j] /= total, L[i][j] = T[S * i + j] - top - std::log(total);
    }
    std::vector<double> shares(N * S * S);
    double alpha[S];
    std::memcpy(alpha, O, sizeof alpha);
    for (int n = 0; n < N; n++) {
        double top[S], total[S] = {}, *w = &shares[n * S * S];
        for (int j = 0; j < S; j++) top[j] = -INFINITY;
        for (int i = 0; i < S; i++)
            for (int j = 0; j < S; j++) {
                const double z = alpha[i] + L[i][j];
                top[j] = z > top[j] ? z : top[j];
            }
        for (int i = 0; i < S; i++)
            for (int j = 0; j < S; j++) total[j] += w[S * i + j] = std::exp(alpha[i] + L[i][j] - top[j]);
        for (int i = 0; i < S; i++)
            for (int j = 0; j < S; j++) w[S * i + j] /= total[j];
        for (int j = 0; j < S; j++) alpha[j] = top[j] + std::log(total[j]) + O[S * n + j];
    }
    double top = alpha[0], total = 0, d[S], dL[S][S] = {};
    for (int j = 1; j < S; j++) top = alpha[j] > top ? alpha[j] : top;
    for (int j = 0; j < S; j++) total += d[j] = std::exp(alpha[j] - top);
    for (int j = 0; j < S; j++) d[j] /= total;
    *value = top + std::log(total);
    for (int n = N - 1; n >= 0; n--) {
        const double *w = &shares[n * S * S];
        double next[S];
        for (int j = 0; j < S; j++) dO[S * n + j] = d[j];
        for (int i = 0; i < S; i++) {
            double s = 0;
            for (int j = 0; j < S; j++) {
                const double a = d[j] * w[S * i + j];
                dL[i][j] += a;
                s += a;
            }
            next[i] = s;
        }
        std::memcpy(d, next, sizeof d);
    }
    for (int j = 0; j < S; j++) dO[j] += d[j];
    for (int i = 0; i < S; i++) {
        double row = 0;
        for (int j = 0; j < S; j++) row += dL[i][j];
        for (int j = 0; j < S; j++) dT[S * i + j] = dL[i][j] - share[i][j] * row;
    }
    return 0;
}

// 200 steps of power iteration with a matrix of 8 × 8: the last norm.
int power(const double *A, const double *v0, double *value, double *dA) {
    constexpr int S = 8, N = 200;
    std::vector<double> kept((N + 1) * S), norms(N);
    std::memcpy(kept.data(), v0, S * sizeof(double));
    for (int n = 0; n < N; n++) {
        const double *v = &kept[n * S];
        double w[S], square = 0;
        for (int i = 0; i < S; i++) {
            double s = 0;
            for (int j = 0; j < S; j++) s += A[S * i + j] * v[j];
            w[i] = s;
            square += s * s;
        }
        const double norm = norms[n] = std::sqrt(square);
        for (int i = 0; i < S; i++) kept[(n + 1) * S + i] = w[i] / norm;
    }
    double by[S * S] = {}, d[S] = {};
    for (int n = N - 1; n >= 0; n--) {
        const double *v = &kept[n * S], *u = &kept[(n + 1) * S];
        double along = 0, dw[S], next[S] = {};
        for (int i = 0; i < S; i++) along += d[i] * u[i];
        const double dn = (n == N - 1 ? 1 : 0) - along / norms[n];
        for (int i = 0; i < S; i++) dw[i] = d[i] / norms[n] + dn * u[i];
        for (int i = 0; i < S; i++)
            for (int j = 0; j < S; j++) {
                by[S * i + j] += dw[i] * v[j];
                next[j] += dw[i] * A[S * i + j];
            }
        std::memcpy(d, next, sizeof d);
    }
    *value = norms[N - 1];
    std::memcpy(dA, by, sizeof by);
    return 0;
}

// 100,000 steps of leapfrog of a pendulum's small swings: place times momentum.
int leapfrog(double q, double p, double *value, double *dq, double *dp) {
    constexpr int N = 100000;
    for (int n = 0; n < N; n++) {
        p = p - 0.005 * q;
        q = q + 0.01 * p;
        p = p - 0.005 * q;
    }
    double a = p, b = q;
    for (int n = 0; n < N; n++) {
        a = a - 0.005 * b;
        b = b + 0.01 * a;
        a = a - 0.005 * b;
    }
    *value = q * p;
    *dq = a;
    *dp = b;
    return 0;
}

// The root of x³ + x = a by bisection.
int bisection(double a, double *root) {
    double low = 0, high = a;
    while (high - low > 1e-12) {
        const double x = 0.5 * (low + high);
        const bool above = x * x * x + x > a;
        low = above ? low : x;
        high = above ? x : high;
    }
    *root = 0.5 * (low + high);
    return 0;
}

// A recurrent network of 16 units over 1,024 steps.
int rnn(const double *W, const double *U, const double *X, double *value, double *dW, double *dU) {
    constexpr int S = 16, I = 4, N = 1024;
    std::vector<double> kept((N + 1) * S);
    double total = 0;
    for (int n = 0; n < N; n++) {
        const double *h = &kept[n * S], *x = X + I * n;
        double *next = &kept[(n + 1) * S];
        for (int i = 0; i < S; i++) {
            double s = 0;
            for (int j = 0; j < S; j++) s += W[S * i + j] * h[j];
            for (int j = 0; j < I; j++) s += U[I * i + j] * x[j];
            next[i] = std::tanh(s);
            total += next[i];
        }
    }
    double square = 0, d[S], byW[S * S] = {}, byU[S * I] = {};
    for (int i = 0; i < S; i++) {
        const double h = kept[N * S + i];
        square += h * h;
        d[i] = 2 * h;
    }
    for (int n = N - 1; n >= 0; n--) {
        const double *h = &kept[n * S], *out = &kept[(n + 1) * S], *x = X + I * n;
        double next[S] = {};
        for (int i = 0; i < S; i++) {
            const double a = (d[i] + 1.0 / N) * (1 - out[i] * out[i]);
            for (int j = 0; j < S; j++) {
                byW[S * i + j] += a * h[j];
                next[j] += a * W[S * i + j];
            }
            for (int j = 0; j < I; j++) byU[I * i + j] += a * x[j];
        }
        std::memcpy(d, next, sizeof d);
    }
    *value = square + total / N;
    std::memcpy(dW, byW, sizeof byW);
    std::memcpy(dU, byU, sizeof byU);
    return 0;
}

// Two layers of long short-term memory, 14 units each, over 1,024 steps of 14 numbers: the mean of the squares of what they give.
int lstm(const double *W1, const double *b1, const double *W2, const double *b2, const double *X, double *value, double *dW1,
         double *db1, double *dW2, double *db2) {
    constexpr int S = 14, N = 1024;
    struct Kept {
        double in[2 * S], gates[4 * S], cell[S], bent[S];
    };
    std::vector<Kept> first(N), second(N);
    double h1[S] = {}, c1[S] = {}, h2[S] = {}, c2[S] = {}, total = 0;
    const auto ahead = [](const double *W, const double *b, const double *x, double *h, double *c, Kept &k) {
        std::memcpy(k.in, h, S * sizeof(double)), std::memcpy(k.in + S, x, S * sizeof(double));
        for (int i = 0; i < 4 * S; i++) {
            double s = b[i];
            for (int j = 0; j < 2 * S; j++) s += W[2 * S * i + j] * k.in[j];
            k.gates[i] = s;
        }
        for (int i = 0; i < 3 * S; i++) k.gates[i] = 1 / (1 + std::exp(-k.gates[i]));
        for (int i = 3 * S; i < 4 * S; i++) k.gates[i] = std::tanh(k.gates[i]);
        for (int i = 0; i < S; i++) {
            k.cell[i] = c[i];
            c[i] = k.gates[S + i] * c[i] + k.gates[i] * k.gates[3 * S + i];
            k.bent[i] = std::tanh(c[i]);
            h[i] = k.gates[2 * S + i] * k.bent[i];
        }
    };
    // What goes back through a step: dh and dc become those before it, dx is added to.
    const auto back = [](const double *W, const Kept &k, double *dh, double *dc, double *dx, double *dW, double *db) {
        double dz[4 * S], din[2 * S] = {};
        for (int i = 0; i < S; i++) {
            const double in = k.gates[i], keep = k.gates[S + i], out = k.gates[2 * S + i], next = k.gates[3 * S + i];
            const double c = dc[i] + dh[i] * out * (1 - k.bent[i] * k.bent[i]);
            dz[i] = c * next * in * (1 - in);
            dz[S + i] = c * k.cell[i] * keep * (1 - keep);
            dz[2 * S + i] = dh[i] * k.bent[i] * out * (1 - out);
            dz[3 * S + i] = c * in * (1 - next * next);
            dc[i] = c * keep;
        }
        for (int i = 0; i < 4 * S; i++) {
            db[i] += dz[i];
            for (int j = 0; j < 2 * S; j++) {
                dW[2 * S * i + j] += dz[i] * k.in[j];
                din[j] += dz[i] * W[2 * S * i + j];
            }
        }
        std::memcpy(dh, din, S * sizeof(double));
        for (int j = 0; j < S; j++) dx[j] += din[S + j];
    };
    for (int n = 0; n < N; n++) {
        ahead(W1, b1, X + S * n, h1, c1, first[n]);
        ahead(W2, b2, h1, h2, c2, second[n]);
        for (int i = 0; i < S; i++) total += h2[i] * h2[i];
    }
    std::memset(dW1, 0, 8 * S * S * sizeof(double)), std::memset(dW2, 0, 8 * S * S * sizeof(double));
    std::memset(db1, 0, 4 * S * sizeof(double)), std::memset(db2, 0, 4 * S * sizeof(double));
    double a1[S] = {}, e1[S] = {}, a2[S] = {}, e2[S] = {};
    for (int n = N - 1; n >= 0; n--) {
        double unused[S] = {};
        for (int i = 0; i < S; i++) a2[i] += 2.0 / N * second[n].gates[2 * S + i] * second[n].bent[i];
        back(W2, second[n], a2, e2, a1, dW2, db2);
        back(W1, first[n], a1, e1, unused, dW1, db1);
    }
    *value = total / N;
    return 0;
}

// 20 of Runge and Kutta's steps of 50 bodies that attract each other: the squares of places and momenta.
int bodies(const double *q0, const double *p0, double *value, double *dq, double *dp) {
    constexpr int B = 50, D = 3, M = B * D, N = 20;
    constexpr double h = 0.001;
    const auto pull = [](const double *q, double *a) {
        for (int i = 0; i < B; i++) {
            double x = 0, y = 0, z = 0;
            for (int j = 0; j < B; j++) {
                const double dx = q[D * j] - q[D * i], dy = q[D * j + 1] - q[D * i + 1], dz = q[D * j + 2] - q[D * i + 2];
                const double square = dx * dx + dy * dy + dz * dz + 0.05, w = 1 / (square * std::sqrt(square));
                x += dx * w, y += dy * w, z += dz * w;
            }
            a[D * i] = x, a[D * i + 1] = y, a[D * i + 2] = z;
        }
    };
    // What slopes e of the pull are by the places, added to out.
    const auto pull_back = [](const double *q, const double *e, double *out) {
        for (int i = 0; i < B; i++) {
            double x = 0, y = 0, z = 0;
            for (int j = 0; j < B; j++) {
                const double dx = q[D * j] - q[D * i], dy = q[D * j + 1] - q[D * i + 1], dz = q[D * j + 2] - q[D * i + 2];
                // each pair once for both: the pull of i by j and that of j by i
                const double ex = e[D * i] - e[D * j], ey = e[D * i + 1] - e[D * j + 1], ez = e[D * i + 2] - e[D * j + 2];
                const double square = dx * dx + dy * dy + dz * dz + 0.05, w = 1 / (square * std::sqrt(square));
                const double along = 3 * w / square * (dx * ex + dy * ey + dz * ez);
                x -= w * ex - along * dx, y -= w * ey - along * dy, z -= w * ez - along * dz;
            }
            out[D * i] += x, out[D * i + 1] += y, out[D * i + 2] += z;
        }
    };
    std::vector<double> kept(2 * M * (N + 1));
    std::memcpy(kept.data(), q0, M * sizeof(double)), std::memcpy(kept.data() + M, p0, M * sizeof(double));
    const double part[4] = {0, h / 2, h / 2, h}, weight[4] = {h / 6, h / 3, h / 3, h / 6};
    double v[4][M], a[4][M], places[4][M];
    const auto stages = [&](const double *q, const double *p) {
        for (int s = 0; s < 4; s++) {
            for (int i = 0; i < M; i++) {
                places[s][i] = s ? q[i] + part[s] * v[s - 1][i] : q[i];
                v[s][i] = s ? p[i] + part[s] * a[s - 1][i] : p[i];
            }
            pull(places[s], a[s]);
        }
    };
    for (int n = 0; n < N; n++) {
        const double *q = &kept[2 * M * n], *p = q + M;
        double *next = &kept[2 * M * (n + 1)];
        stages(q, p);
        for (int i = 0; i < M; i++) {
            double x = q[i], y = p[i];
            for (int s = 0; s < 4; s++) x += weight[s] * v[s][i], y += weight[s] * a[s][i];
            next[i] = x, next[M + i] = y;
        }
    }
    const double *last = &kept[2 * M * N];
    double total = 0;
    for (int i = 0; i < M; i++) {
        total += last[i] * last[i] + last[M + i] * last[M + i];
        dq[i] = 2 * last[i], dp[i] = 2 * last[M + i];
    }
    for (int n = N - 1; n >= 0; n--) {
        stages(&kept[2 * M * n], &kept[2 * M * n] + M);
        double bv[4][M], ba[4][M], to_q[M], to_p[M];
        for (int i = 0; i < M; i++) {
            to_q[i] = dq[i], to_p[i] = dp[i];
            for (int s = 0; s < 4; s++) bv[s][i] = weight[s] * dq[i], ba[s][i] = weight[s] * dp[i];
        }
        for (int s = 3; s >= 0; s--) {
            double bq[M] = {};
            pull_back(places[s], ba[s], bq);
            for (int i = 0; i < M; i++) {
                to_q[i] += bq[i], to_p[i] += bv[s][i];
                if (s) bv[s - 1][i] += part[s] * bq[i], ba[s - 1][i] += part[s] * bv[s][i];
            }
        }
        std::memcpy(dq, to_q, sizeof to_q), std::memcpy(dp, to_p, sizeof to_p);
    }
    *value = total;
    return 0;
}

// A Markov chain of Metropolis's of 2,000 steps over given random numbers.
int metropolis(double scale, const double *centre, const double *Z, const double *U, double *value, double *dscale,
               double *dcentre) {
    constexpr int N = 2000;
    // Forward mode: the state is x = centre/10 + scale·(the sum of the moves taken), so that its slopes are two numbers.
    double x[2] = {0.1 * centre[0], 0.1 * centre[1]}, sum[2] = {}, total = 0, ds = 0, dc[2] = {};
    const auto density = [&](const double *x) {
        double value = 0;
        for (int i = 0; i < 2; i++) {
            const double d = x[i] - centre[i];
            value -= 0.5 * d * d + 0.1 * d * d * d * d;
        }
        return value;
    };
    double known = density(x);
    for (int n = 0; n < N; n++) {
        const double moved[2] = {x[0] + scale * Z[2 * n], x[1] + scale * Z[2 * n + 1]};
        const double next = density(moved);
        if (U[n] < next - known) {
            known = next;
            for (int i = 0; i < 2; i++) x[i] = moved[i], sum[i] += Z[2 * n + i];
        }
        total += known;
        for (int i = 0; i < 2; i++) {
            const double d = x[i] - centre[i], slope = -d - 0.4 * d * d * d;
            total += x[i] * x[i];
            ds += (2 * x[i] + slope) * sum[i];
            dc[i] += 0.1 * 2 * x[i] - 0.9 * slope;
        }
    }
    *value = total / N, *dscale = ds / N;
    for (int i = 0; i < 2; i++) dcentre[i] = dc[i] / N;
    return 0;
}

// The soft minimum over alignments of two sequences of 64, and what each cost weighs in it.
int edit_distance(const double *C, double *value, double *dC) {
    constexpr int S = 64, R = S + 1;
    std::vector<double> table(R * R), shares(3 * S * S), slopes(R * R);
    for (int j = 0; j < R; j++) table[j] = j;
    for (int i = 0; i < S; i++) {
        const double *before = &table[R * i];
        double *row = &table[R * (i + 1)];
        row[0] = before[0] + 1;
        for (int j = 0; j < S; j++) {
            const double a = row[j] + 1, b = before[j + 1] + 1, c = before[j] + C[S * i + j];
            const double least = a < b ? (a < c ? a : c) : (b < c ? b : c);
            double *w = &shares[3 * (S * i + j)];
            w[0] = std::exp(least - a), w[1] = std::exp(least - b), w[2] = std::exp(least - c);
            const double total = w[0] + w[1] + w[2];
            for (int k = 0; k < 3; k++) w[k] /= total;
            row[j + 1] = least - std::log(total);
        }
    }
    slopes[R * R - 1] = 1;
    for (int i = S - 1; i >= 0; i--)
        for (int j = S - 1; j >= 0; j--) {
            const double here = slopes[R * (i + 1) + j + 1], *w = &shares[3 * (S * i + j)];
            slopes[R * (i + 1) + j] += here * w[0];
            slopes[R * i + j + 1] += here * w[1];
            slopes[R * i + j] += here * w[2];
            dC[S * i + j] = here * w[2];
        }
    *value = table[R * R - 1];
    return 0;
}
}
