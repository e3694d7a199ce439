// The whole cascade: image -> pyramid -> P-Net -> NMS -> R-Net -> NMS -> O-Net -> NMS -> faces.
#ifndef MTCNN_CASCADE_CASCADE_H_
#define MTCNN_CASCADE_CASCADE_H_

#include <optional>
#include <span>

#include "cascade/workspace.h"
#include "engine/model_data.h"
#include "engine/network.h"
#include "engine/patch_screen.h"
#include "engine/row_network.h"
#include "engine/screened_network.h"
#include "mtcnn/detector.h"

namespace mtcnn {

// Immutable. Requires data that validate() accepts, options in their ranges with thresholds filled
// in and threads >= 1, and L-Net in the data if the options ask for it.
class Cascade {
 public:
  // `stages`: how many of the nets run, 1 to 3. With fewer than three (training, which looks at a
  // cascade whose later nets are not there yet) no faces come out, but the workspace holds what the
  // last net gave: `proposals` of P-Net, `detections` of R-Net, and `windows`, what the next one
  // would be shown. The later nets' tensors are then not looked at.
  Cascade(const ModelData& data, const DetectorOptions& options, const Kernels& kernels, int stages = 3);

  // Leaves the faces in workspace.faces, best score first, in pixels of `image`; fills `trace` (its
  // faces too) unless it is null. Requires a view that check_view() accepts. Throws std::bad_alloc only.
  void run(const ImageView& image, CascadeWorkspace& workspace, Trace* trace) const;

  // Shows `boxes`, squared, to R-Net and O-Net alone. Leaves in workspace.seen_again, for each box, the face that
  // O-Net sees there, in pixels of `image`, or none. Of the options, `region` and `resize` have no effect. Requires and
  // throws as run(); all three stages.
  void look(const ImageView& image, std::span<const Box> boxes, CascadeWorkspace& workspace) const;

  const DetectorOptions& options() const { return options_; }

 private:
  void detect(const ImageView& rgb, CascadeWorkspace& workspace, Trace* trace) const;
  void add_window(const Box& box, float score, std::vector<ScoredBox>& windows) const;

  DetectorOptions options_;
  CellGeometry geometry_;
  float mean_, scale_;
  const Kernels* kernels_;
  RowNetwork pnet_;
  std::optional<ScreenedNetwork> pnet_screen_;
  std::optional<Network> rnet_, onet_, lnet_;
  std::optional<PatchScreen> rnet_screen_;
};

}  // namespace mtcnn

#endif  // MTCNN_CASCADE_CASCADE_H_
