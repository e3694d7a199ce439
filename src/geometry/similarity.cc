#include "geometry/similarity.h"

#include <array>
#include <cmath>
#include <complex>
#include <cstddef>

namespace mtcnn {
namespace {

// In the plane a similarity without mirroring is w = c z + t over the complex numbers. That makes
// the least-squares fit a regression in one unknown, c = sum(conj(z) w) / sum(|z|^2) over the
// centred points: Umeyama's answer without a singular value decomposition.
using Complex = std::complex<double>;
using Points = std::array<Complex, 5>;

Points as_complex(const Landmarks& points) {
  Points result;
  for (std::size_t i = 0; i < points.size(); ++i) result[i] = {points[i].x, points[i].y};
  return result;
}

// Moves the mean to zero and returns it.
Complex centre(Points& points) {
  Complex mean = 0;
  for (const Complex& point : points) mean += point;
  mean /= static_cast<double>(points.size());
  for (Complex& point : points) point -= mean;
  return mean;
}

Similarity as_similarity(Complex factor, Complex shift) {
  return {static_cast<float>(factor.real()), static_cast<float>(factor.imag()),
          static_cast<float>(shift.real()), static_cast<float>(shift.imag())};
}

bool is_finite(const Similarity& t) {
  return std::isfinite(t.a) && std::isfinite(t.b) && std::isfinite(t.tx) && std::isfinite(t.ty);
}

bool is_finite(const Landmarks& points) {
  for (const Point& point : points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) return false;
  }
  return true;
}

// Points that are the same up to rounding, and pairs of sets that are mirror images of the kind
// that no rotation fits better than any other, leave a correlation of rounding errors. Far below
// what any face gives, far above what double precision leaves.
constexpr double kMinCorrelation = 1e-6;

}  // namespace

Similarity inverse(const Similarity& transform) {
  const Complex factor = 1.0 / Complex(transform.a, transform.b);
  return as_similarity(factor, -factor * Complex(transform.tx, transform.ty));
}

bool is_invertible(const Similarity& transform) {
  return is_finite(transform) && (transform.a != 0 || transform.b != 0) && is_finite(inverse(transform));
}

Result<Similarity> fit_similarity(const Landmarks& from, const Landmarks& to) {
  const auto invalid = [](const char* message) { return Error{ErrorCode::kInvalidArgument, message}; };
  if (!is_finite(from) || !is_finite(to)) {
    return invalid("landmarks: a coordinate is not a finite number");
  }
  Points z = as_complex(from);
  Points w = as_complex(to);
  const Complex z_mean = centre(z);
  const Complex w_mean = centre(w);
  Complex covariance = 0;
  double z_variance = 0;
  double w_variance = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    covariance += std::conj(z[i]) * w[i];
    z_variance += std::norm(z[i]);
    w_variance += std::norm(w[i]);
  }
  // Written so that 0 > 0 refuses too.
  if (!(std::abs(covariance) > kMinCorrelation * std::sqrt(z_variance) * std::sqrt(w_variance))) {
    return invalid("landmarks: the points coincide or form no face, so that no rotation and scale fits");
  }
  const Complex factor = covariance / z_variance;
  const Similarity fit = as_similarity(factor, w_mean - factor * z_mean);
  if (!is_invertible(fit)) {
    return invalid("landmarks: the points are too close together or too far apart for a scale");
  }
  return fit;
}

}  // namespace mtcnn
