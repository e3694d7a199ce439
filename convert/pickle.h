// Python pickles as data. The format is a program for a stack machine; this reader runs only the
// instructions that build data, and never calls anything: a name ("numpy.dtype") stays a name, a
// call is recorded as an object with its callable and arguments, for the importers to recognise.
#ifndef MTCNN_CONVERT_PICKLE_H_
#define MTCNN_CONVERT_PICKLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mtcnn/result.h"

namespace mtcnn {

// Far above what weights need (O-Net of facenet-pytorch has 900 instructions), far below what
// hurts.
inline constexpr std::size_t kMaxPickleInstructions = 200000;
inline constexpr std::size_t kMaxPickleMemo = 100000;

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kString,  // text or bytes
    kTuple,
    kList,
    kDict,
    kGlobal,      // `text` is "module.name"
    kObject,      // callable(*arguments), then items and state
    kPersistent,  // items[0] is the id: an object kept outside of the pickle
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;  // kInt, kBool
  std::string_view text;     // kString: into the buffer that was read
  std::string global;        // kGlobal
  // Tuple, list; dictionary and object: key, value, key, value ..
  std::vector<const PickleValue*> items;
  const PickleValue* callable = nullptr;   // kObject
  const PickleValue* arguments = nullptr;  // kObject: a tuple
  const PickleValue* state = nullptr;      // kObject, after BUILD
  std::span<const std::byte> payload;      // kObject: what `after_build` put there

  bool is(Kind k) const { return kind == k; }
  // An object made by calling or instantiating the global of this name.
  bool is_object_of(std::string_view name) const {
    return kind == Kind::kObject && callable->kind == Kind::kGlobal && callable->global == name;
  }
  // The value under a string key; null if there is none.
  const PickleValue* find(std::string_view key) const;
};

struct PickleRules {
  // The only names that may occur. Any other is refused: nothing would be called, but the file is
  // not what it says it is.
  std::span<const std::string_view> globals;
  // Called after BUILD on an object, with the position behind it, and returns where to go on:
  // joblib puts raw bytes into the middle of a pickle.
  std::function<Result<std::size_t>(PickleValue& object, std::size_t position)> after_build;
};

// Values may refer to each other in circles; the pickle owns them all. Moving keeps them in their
// places.
struct Pickle {
  Pickle() = default;
  Pickle(Pickle&&) = default;
  Pickle& operator=(Pickle&&) = default;
  std::deque<PickleValue> values;
  const PickleValue* root = nullptr;
  std::size_t end = 0;  // position behind the STOP instruction
};

// Reads one pickle (binary protocols, 1 to 5) that begins at `start`.
// Errors, after `name`: kFormat for a truncated or broken one; kUnsupported for a name that is not
// in `rules.globals` or another instruction; kLimit.
Result<Pickle> read_pickle(std::span<const std::byte> bytes, std::size_t start, const PickleRules& rules,
                           const std::string& name);

}  // namespace mtcnn

#endif  // MTCNN_CONVERT_PICKLE_H_
