import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const parserOptions = {
  project: ["./tsconfig.json", "./tsconfig.kiosk.json"],
  tsconfigRootDir: import.meta.dirname,
};

// Paths are seen from the repository's root: the kiosk's modules are checked too.
export default tseslint.config(
  { ignores: ["**/node_modules/**", "cloud/dashboard/src/api/cloud.ts", "**/dist/**", "cloud/dashboard/eslint.config.js", "cloud/dashboard/kiosk.d.ts"] },
  {
    files: ["cloud/dashboard/**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions },
    plugins: { "react-hooks": reactHooks },
    rules: {
      ...reactHooks.configs.recommended.rules,
      "max-lines": ["error", 500],
      complexity: ["error", 15],
      "no-console": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      // Routers of TanStack throw redirects.
      "@typescript-eslint/only-throw-error": "off",
    },
  },
  {
    files: ["edge/interfaces/kiosk/**/*.{js,mjs}"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions },
    rules: { "max-lines": ["error", 500], "no-console": "error" },
  },
);
