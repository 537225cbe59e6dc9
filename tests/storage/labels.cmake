# Read by ctest after the tests were discovered: gtest_discover_tests itself takes but one label. Label tsan: runs under
# ThreadSanitizer too.
set_tests_properties(${storage_test_TESTS} ${store_crash_test_TESTS} PROPERTIES LABELS "storage;tsan")
