#ifndef MTCNN_RESULT_H_
#define MTCNN_RESULT_H_

#include <string>
#include <utility>
#include <variant>

namespace mtcnn {

enum class ErrorCode {
  kInvalidArgument,  // an option or an argument outside its range
  kIo,               // a file that can't be opened, read or written
  kFormat,           // a file whose content is not what it should be
  kUnsupported,      // well-formed, but nothing this build can use
  kLimit,            // larger than a stated limit
  kOutOfMemory,
};

// What went wrong, for a person: the file or the option concerned and what was expected.
struct Error {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string message;
};

// Either a value or an Error. The library reports every failure this way: it never
// prints or exits, and throws nothing itself. Reading the side that is not there is a bug of the caller's
// (std::bad_variant_access).
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

// For actions that return nothing: `Status s = model.save(path); if (!s) ... s.error().message`.
using Status = Result<std::monostate>;

}  // namespace mtcnn

#endif  // MTCNN_RESULT_H_
