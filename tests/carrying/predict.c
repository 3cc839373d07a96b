/* Runs an exported network through MXNet's C predict interface.

   predict LIBRARY SYMBOL PARAMS INPUT N C H W
   INPUT holds N * C * H * W floats; each output is printed as a line of its shape and one of its
   numbers. The functions are declared here, as the wheel has no headers. */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void *Predictor;
typedef int (*Create)(const char *, const void *, int, int, int, uint32_t, const char **,
                      const uint32_t *, const uint32_t *, Predictor *);
typedef int (*SetInput)(Predictor, const char *, const float *, uint32_t);
typedef int (*Forward)(Predictor);
typedef int (*GetShape)(Predictor, uint32_t, uint32_t **, uint32_t *);
typedef int (*GetOutput)(Predictor, uint32_t, float *, uint32_t);
typedef int (*Free)(Predictor);
typedef const char *(*LastError)(void);

static void *library;

static void *found(const char *name) {
  void *function = dlsym(library, name);
  if (!function) {
    fprintf(stderr, "%s is not in the library\n", name);
    exit(2);
  }
  return function;
}

static void check(int code) {
  if (code) {
    fprintf(stderr, "%s\n", ((LastError)found("MXGetLastError"))());
    exit(3);
  }
}

static char *content(const char *path, long *size) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(2);
  }
  fseek(file, 0, SEEK_END);
  *size = ftell(file);
  rewind(file);
  char *bytes = malloc(*size + 1);
  if (fread(bytes, 1, *size, file) != (size_t)*size) exit(2);
  bytes[*size] = 0;
  fclose(file);
  return bytes;
}

int main(int count, char **arguments) {
  if (count != 9) return 2;
  library = dlopen(arguments[1], RTLD_NOW);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  long symbol_size, params_size, input_size;
  char *symbol = content(arguments[2], &symbol_size);
  char *params = content(arguments[3], &params_size);
  char *input = content(arguments[4], &input_size);
  const char *keys[] = {"data"};
  uint32_t ends[] = {0, 4}, shape[4];
  for (int axis = 0; axis < 4; axis++) shape[axis] = atoi(arguments[5 + axis]);

  Predictor predictor;
  check(((Create)found("MXPredCreate"))(symbol, params, params_size, 1, 0, 1, keys, ends, shape,
                                        &predictor));
  check(((SetInput)found("MXPredSetInput"))(predictor, "data", (float *)input,
                                            input_size / sizeof(float)));
  check(((Forward)found("MXPredForward"))(predictor));
  for (uint32_t which = 0; which < 2; which++) {
    uint32_t *sides, axes, size = 1;
    check(((GetShape)found("MXPredGetOutputShape"))(predictor, which, &sides, &axes));
    for (uint32_t axis = 0; axis < axes; axis++) {
      size *= sides[axis];
      printf("%u ", sides[axis]);
    }
    float *numbers = malloc(size * sizeof(float));
    check(((GetOutput)found("MXPredGetOutput"))(predictor, which, numbers, size));
    printf("\n");
    for (uint32_t at = 0; at < size; at++) printf("%.9g ", numbers[at]);
    printf("\n");
  }
  check(((Free)found("MXPredFree"))(predictor));
  return 0;
}
