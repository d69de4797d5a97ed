import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const parserOptions = {
  project: ["./tsconfig.json", "./tsconfig.kiosk.json"],
  tsconfigRootDir: import.meta.dirname,
};

// Patterns hold from whichever folder eslint is called: no page may be left out because of it.
export default tseslint.config(
  { ignores: ["**/node_modules/**", "**/src/api/cloud.ts", "**/dist/**", "**/eslint.config.js", "**/kiosk.d.ts"] },
  {
    files: ["**/*.{ts,tsx}"],
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
    files: ["**/*.{js,mjs}"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions },
    rules: { "max-lines": ["error", 500], "no-console": "error" },
  },
);
