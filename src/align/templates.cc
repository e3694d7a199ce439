#include "align/templates.h"

namespace mtcnn {
namespace {

// Published templates are meant for cv2.warpAffine and its like, which number pixels by their
// centres: the middle of the top-left pixel is (0, 0) there and (.5, .5) here.
constexpr AlignTemplate published(Size size, Landmarks points) {
  for (Point& point : points) point = {point.x + .5f, point.y + .5f};
  return {size, points};
}

// To add a template, add a line.
constexpr AlignTemplate kTemplates[] = {
    // ArcFace (InsightFace).
    published({112, 112}, {{{38.2946f, 51.6963f},
                            {73.5318f, 51.5014f},
                            {56.0252f, 71.7366f},
                            {41.5493f, 92.3655f},
                            {70.7299f, 92.2041f}}}),
    // SphereFace, of which ArcFace's is a wider view: x is less by 8. SphereFace's MATLAB code
    // counts pixels from 1; ArcFace and the Python programs took the numbers over as they were, and
    // so do we.
    published({96, 112}, {{{30.2946f, 51.6963f},
                           {65.5318f, 51.5014f},
                           {48.0252f, 71.7366f},
                           {33.5493f, 92.3655f},
                           {62.7299f, 92.2041f}}}),
    // FaceNet's size. FaceNet itself cuts boxes without turning them; those who align for it
    // multiply ArcFace's numbers by 160 / 112, as pixel centres. (Multiplied as edges, which is what
    // sizes without a line here get, they would lie .2 pixels further right and down.)
    published({160, 160}, {{{54.7066f, 73.8519f},
                            {105.0454f, 73.5734f},
                            {80.0360f, 102.4809f},
                            {59.3561f, 131.9507f},
                            {101.0427f, 131.7201f}}}),
};

}  // namespace

std::span<const AlignTemplate> align_templates() { return kTemplates; }

}  // namespace mtcnn
