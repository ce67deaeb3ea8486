# OpenBLAS with CBLAS, LAPACK and LAPACKE. Debian keeps each threading flavour in a folder of its own and lets
# "alternatives" choose among them: the OpenMP one is asked for by folder, since it must share our thread pool.
find_path(OPENBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas-openmp openblas)
find_library(OPENBLAS_LIBRARY openblas PATH_SUFFIXES openblas-openmp)
find_path(LAPACKE_INCLUDE_DIR lapacke.h PATH_SUFFIXES openblas-openmp openblas)
# Debian's OpenBLAS has LAPACK but not the C interface. The static archive resolves against OpenBLAS itself; the
# shared one would bring in whichever LAPACK "alternatives" points at.
find_library(LAPACKE_LIBRARY NAMES liblapacke.a lapacke)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FlambeauOpenBLAS
  REQUIRED_VARS OPENBLAS_LIBRARY OPENBLAS_INCLUDE_DIR LAPACKE_INCLUDE_DIR)

if(FlambeauOpenBLAS_FOUND AND NOT TARGET OpenBLAS::openblas)
  add_library(OpenBLAS::openblas INTERFACE IMPORTED)
  target_include_directories(OpenBLAS::openblas INTERFACE ${OPENBLAS_INCLUDE_DIR} ${LAPACKE_INCLUDE_DIR})
  if(LAPACKE_LIBRARY)
    target_link_libraries(OpenBLAS::openblas INTERFACE ${LAPACKE_LIBRARY})
  endif()
  target_link_libraries(OpenBLAS::openblas INTERFACE ${OPENBLAS_LIBRARY})
endif()
