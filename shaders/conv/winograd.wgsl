// One-dimensional transforms of Winograd's F(4, 3): four outputs of a three-tap filter from six inputs with six products
// (Lavin & Gray 2016), at the points 0, ±a, ±b, ∞ with a = 3/4 and b = 3/2. These points lose about one bit against the
// direct sum; the usual 0, ±1, ±2 lose two.
const A = 0.75;
const B = 1.5;
const AA = A * A;
const BB = B * B;

// Bᵀ d: six input values to the six points.
fn toPoints(d: array<vec4f, 6>) -> array<vec4f, 6> {
  let e1 = d[4] - BB * d[2];
  let o1 = A * (d[3] - BB * d[1]);
  let e2 = d[4] - AA * d[2];
  let o2 = B * (d[3] - AA * d[1]);
  return array<vec4f, 6>(
    (d[4] - (AA + BB) * d[2]) + (AA * BB) * d[0],
    e1 + o1, e1 - o1, e2 + o2, e2 - o2,
    (d[5] - (AA + BB) * d[3]) + (AA * BB) * d[1],
  );
}

// G g: three filter taps to the six points.
fn filterToPoints(g: array<vec4f, 3>) -> array<vec4f, 6> {
  let e1 = (g[0] + AA * g[2]) / (2.0 * AA * (AA - BB));
  let o1 = g[1] / (2.0 * A * (AA - BB));
  let e2 = (g[0] + BB * g[2]) / (2.0 * BB * (BB - AA));
  let o2 = g[1] / (2.0 * B * (BB - AA));
  return array<vec4f, 6>(g[0] / (AA * BB), e1 + o1, e1 - o1, e2 + o2, e2 - o2, g[2]);
}

// Aᵀ m: products at the six points to four outputs.
fn fromPoints(m: array<vec4f, 6>) -> array<vec4f, 4> {
  let s1 = m[1] + m[2];
  let d1 = m[1] - m[2];
  let s2 = m[3] + m[4];
  let d2 = m[3] - m[4];
  return array<vec4f, 4>(m[0] + (s1 + s2), A * d1 + B * d2, AA * s1 + BB * s2, ((A * AA) * d1 + (B * BB) * d2) + m[5]);
}

// Adjoints, for the filters' gradient. A y: four output gradients to the six points.
fn gradientToPoints(y: array<vec4f, 4>) -> array<vec4f, 6> {
  let e1 = y[0] + AA * y[2];
  let o1 = A * (y[1] + AA * y[3]);
  let e2 = y[0] + BB * y[2];
  let o2 = B * (y[1] + BB * y[3]);
  return array<vec4f, 6>(y[0], e1 + o1, e1 - o1, e2 + o2, e2 - o2, y[3]);
}

// Gᵀ u: gradients at the six points to those of three filter taps.
fn pointsToFilter(u: array<vec4f, 6>) -> array<vec4f, 3> {
  let s1 = (u[1] + u[2]) / (2.0 * (AA - BB));
  let s2 = (u[3] + u[4]) / (2.0 * (BB - AA));
  let d1 = (u[1] - u[2]) / (2.0 * A * (AA - BB));
  let d2 = (u[3] - u[4]) / (2.0 * B * (BB - AA));
  return array<vec4f, 3>(u[0] / (AA * BB) + (s1 / AA + s2 / BB), d1 + d2, (s1 + s2) + u[5]);
}
